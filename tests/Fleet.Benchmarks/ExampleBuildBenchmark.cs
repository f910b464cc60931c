using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
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
        var metric = TaskDefinition.Of(report.TaskOf()).LabelMetrics[0];
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{report.Samples.Training:N0} training, {report.Samples.Validation:N0} validation and {report.Samples.Test:N0} test samples; "
                + $"{report.Duration.TotalSeconds:0} s for everything, one torch thread on a shared machine.");
        text.AppendLine()
            .AppendLine(CultureInfo.InvariantCulture, $"| network | description | parameters | bytes | test {metric.Title} | epochs |")
            .AppendLine("|---|---|---:|---:|---:|---:|");
        foreach (var (name, network) in new[] { ("teacher", report.Teacher!), ("student", report.Student) })
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {network.Description} | {network.Parameters:N0} | {network.Bytes:N0} | "
                    + $"{Figure(network.Scores.Find(metric.Name))} | {network.Epochs.Count} |");
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture,
            $"| variant | scheme | bytes | of fp32 | test {metric.Title} | against fp32 | fp32 latency / its latency | verdict |")
                .AppendLine("|---|---|---:|---:|---:|---:|---:|---|");
        var ofStudent = report.Student.Scores.Find(metric.Name);
        foreach (var variant in report.Variants)
        {
            var scored = variant.Scores?.Find(metric.Name);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {variant.Id} | {variant.Scheme} | {variant.Artifact?.Bytes:N0} | "
                    + $"{(double?)variant.Artifact?.Bytes / report.Student.Bytes:P1} | {Figure(scored)} | {Against(ofStudent, scored)} | "
                    + $"{(variant.SpeedUp is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) : "not of this processor")} "
                    + $"| {(variant.Accepted ? "accepted" : "rejected: " + string.Join(" ", variant.Reasons))} |");
        }
        return text.AppendLine().Append("Both latencies of a ratio were measured interleaved in one process, on ")
            .Append(report.MeasuredOn).AppendLine(".").ToString();
    }

    private static string Figure(MetricValue? value) => value switch
    {
        null => "",
        { Unit: Units.Ratio } => value.Value.ToString("P2", CultureInfo.InvariantCulture),
        _ => $"{value.Value.ToString("0.00", CultureInfo.InvariantCulture)} {value.Unit}",
    };

    /// <summary>The difference in percentage points or in the metric's own unit.</summary>
    private static string Against(MetricValue? original, MetricValue? value) => original is null || value is null
        ? ""
        : ((value.Value - original.Value) * (value.Unit == Units.Ratio ? 100 : 1))
            .ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture);
}
