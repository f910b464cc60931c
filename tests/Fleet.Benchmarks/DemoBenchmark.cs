using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Fleet.Benchmarks;

/// <summary>`fleet demo --once` from start to table, and what it reached.</summary>
internal static class DemoBenchmark
{
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var file = Path.GetTempFileName();
        try
        {
            var watch = Stopwatch.StartNew();
            await FleetProgram.RunCliAsync(["demo", "--once", "--report", file], cancellationToken);
            var seconds = watch.Elapsed.TotalSeconds;
            using var report = JsonDocument.Parse(await File.ReadAllTextAsync(file, cancellationToken));
            return Table(report.RootElement, seconds);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Table(JsonElement report, double seconds)
    {
        var teacher = report.GetProperty("teacher");
        var student = report.GetProperty("student");
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"Wall time {seconds:0} s (required: under 300 s). Teacher {teacher.GetProperty("parameters").GetInt64():N0} parameters, "
                + $"accuracy {teacher.GetProperty("accuracy").GetDouble():P2}; ");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"student {student.GetProperty("parameters").GetInt64():N0} parameters, accuracy "
                + $"{student.GetProperty("accuracy").GetDouble():P2}: "
                + $"{student.GetProperty("accuracy").GetDouble() / teacher.GetProperty("accuracy").GetDouble():P2} of the teacher's "
                + $"(required: 98 %).");
        text.AppendLine().AppendLine("| variant | scheme | bytes | accuracy | of its student's | verdict |")
            .AppendLine("|---|---|---:|---:|---:|---|");
        foreach (var variant in report.GetProperty("variants").EnumerateArray())
        {
            var accuracy = variant.GetProperty("accuracy");
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {variant.GetProperty("id").GetString()} | {variant.GetProperty("scheme").GetString()} | "
                    + $"{variant.GetProperty("bytes").GetInt64():N0} | "
                    + $"{(accuracy.ValueKind == JsonValueKind.Number
                        ? accuracy.GetDouble().ToString("P2", CultureInfo.InvariantCulture)
                        : "")} | {(accuracy.ValueKind == JsonValueKind.Number
                            ? (accuracy.GetDouble() / student.GetProperty("accuracy").GetDouble())
                                .ToString("P2", CultureInfo.InvariantCulture)
                            : "")} | {variant.GetProperty("verdict").GetString()} |");
        }
        text.AppendLine().AppendLine(
            "| device | profile | variant | phase | accuracy on the device | p50 ms | p95 ms | inferences | telemetry batches |")
                .AppendLine("|---|---|---|---|---:|---:|---:|---:|---:|");
        foreach (var device in report.GetProperty("devices").EnumerateArray())
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {device.GetProperty("id").GetString()} | {device.GetProperty("profile").GetString()} | "
                    + $"{device.GetProperty("variant").GetString()} | {device.GetProperty("phase").GetString()} | "
                    + $"{device.GetProperty("accuracy").GetDouble():P2} | {device.GetProperty("latencyP50Ms").GetDouble():0.000} | "
                    + $"{device.GetProperty("latencyP95Ms").GetDouble():0.000} | {device.GetProperty("inferences").GetInt64():N0} | "
                    + $"{device.GetProperty("telemetryBatches").GetInt64():N0} |");
        return text.AppendLine().AppendLine("The latency of a profile that is not this machine's is emulated and no claim.").ToString();
    }
}
