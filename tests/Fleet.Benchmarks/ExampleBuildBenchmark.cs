using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>`fleet models build` of a spec of deploy/examples against a server of its own.</summary>
internal static class ExampleBuildBenchmark
{
    /// <param name="example">Name of the spec, without its extension.</param>
    /// <param name="cancellationToken">Ends the programs.</param>
    public static async Task<string> RunAsync(string example, CancellationToken cancellationToken)
    {
        using var data = new TemporaryFolder();
        await using var server = ChildProcess.Start(
            Programs.Server, [$"--Fleet:DataFolder={data.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0"]);
        var endpoints = data["endpoints.json"];
        await Eventually.TrueAsync("the server listens", () => File.Exists(endpoints), evidence: () => server.Output);
        using var addresses = JsonDocument.Parse(await File.ReadAllTextAsync(endpoints, cancellationToken));
        string[] connection = [
            "--server", addresses.RootElement.GetProperty("api").GetString()!, "--key-file", data["keys", "operator.key"],
        ];

        var built = await FleetProgram.RunCliAsync(
            ["models", "build", $"deploy/examples/{example}.yaml", "--wait", "--json", .. connection], cancellationToken);
        using var build = JsonDocument.Parse(built);
        var report = await FleetProgram.RunCliAsync(
            ["models", "report", build.RootElement.GetProperty("id").GetString()!, "--json", .. connection], cancellationToken);
        return Table(JsonSerializer.Deserialize(report, FleetJson.Default.BuildReport)!);
    }

    private static string Table(BuildReport report)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{report.Samples.Training:N0} training, {report.Samples.Validation:N0} validation and {report.Samples.Test:N0} test samples; "
                + $"{report.Duration.TotalSeconds:0} s for everything, one torch thread on a shared machine.");
        text.AppendLine().AppendLine("| network | description | parameters | bytes | test accuracy | epochs |")
            .AppendLine("|---|---|---:|---:|---:|---:|");
        foreach (var (name, network) in new[] { ("teacher", report.Teacher!), ("student", report.Student) })
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {network.Description} | {network.Parameters:N0} | {network.Bytes:N0} | {network.Scores.Accuracy:P2} | "
                    + $"{network.Epochs.Count} |");
        text.AppendLine().AppendLine(
            "| variant | scheme | bytes | of fp32 | test accuracy | against fp32, points | fp32 latency / its latency | verdict |")
                .AppendLine("|---|---|---:|---:|---:|---:|---:|---|");
        foreach (var variant in report.Variants)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {variant.Id} | {variant.Scheme} | {variant.Artifact?.Bytes:N0} | "
                    + $"{(double?)variant.Artifact?.Bytes / report.Student.Bytes:P1} | {variant.Scores?.Accuracy:P2} | "
                    + $"{(variant.Scores?.Accuracy - report.Student.Scores.Accuracy) * 100:+0.00;-0.00;0.00} | "
                    + $"{(variant.SpeedUp is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "not of this processor")} "
                    + $"| {(variant.Accepted ? "accepted" : "rejected: " + string.Join(" ", variant.Reasons))} |");
        }
        return text.AppendLine().Append("Both latencies of a ratio were measured interleaved in one process, on ")
            .Append(report.MeasuredOn).AppendLine(".").ToString();
    }
}
