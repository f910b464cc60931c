using System.Globalization;
using System.Text;
using Fleet.Server.Tests.Storm;

namespace Fleet.Benchmarks;

/// <summary>
/// A storm: a server with thousands of devices connected is killed while it tells them of a rollout, and started again; all reconnect by
/// the agent's own back-off, and get their newest order.
/// </summary>
internal static class ReconnectBenchmark
{
    /// <summary>How many devices each run has.</summary>
    private static readonly int[] Runs = [2000, 6000, 6000];

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        var runs = new List<StormReport>();
        foreach (var devices in Runs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var storm = await ReconnectStorm.RunAsync(devices);
            Console.Error.WriteLine(
                $"{devices:N0} devices: {string.Join(", ", storm.Failures.Select(each => $"{each.Key} ({each.Value})"))}");
            foreach (var line in storm.Warnings.Take(10)) Console.Error.WriteLine(line);
            runs.Add(storm);
        }
        return $"""
            Thousands of devices, each a real connection of TLS 1.3 with a certificate of its own, then MQTT 5, to the server as a process
            of its own; the devices share another process and the same processors. One in twenty is away when a rollout over all of them
            begins; the server is killed (SIGKILL) while it tells the others, and started again at once. Each device comes back by the
            agent's own rule (a random wait below a bound that doubles from 1 s to 2 minutes, and 30 s for a try), says what it has,
            subscribes, and takes its order only if the signature holds. The machine is shared: compare processor time and counts; seconds
            say how it looked here. The server's time holds what a new process compiles first.

            | devices | {string.Join(" | ", Runs.Select(devices => $"{devices:N0}"))} |
            |---|{string.Concat(Enumerable.Repeat("--:|", Runs.Length))}
            {Rows(runs)}
            """;
    }

    private static string Rows(List<StormReport> runs)
    {
        var rows = new StringBuilder();
        void Row(string name, Func<StormReport, FormattableString> cell) => rows.AppendLine(
            $"| {name} | {string.Join(" | ", runs.Select(run => cell(run).ToString(CultureInfo.InvariantCulture)))} |");
        Row("devices that had the order before the kill", run => $"{run.ToldBefore:N0}");
        Row("devices that have it after", run => $"{run.Converged.Count:N0}");
        Row("orders told twice, lost or refused by a device", run => $"{Faults(run)}");
        Row("seconds without a server", run => $"{run.Down.TotalSeconds:0.0}");
        Row("seconds from then until half are told", run => $"{run.Converged[run.Converged.Count / 2].TotalSeconds:0}");
        Row("until 99 % are told", run => $"{run.Converged[run.Converged.Count * 99 / 100].TotalSeconds:0}");
        Row("until all are told", run => $"{run.Converged[^1].TotalSeconds:0}");
        Row("server's processor time a device that comes back", run => $"{run.Processor.TotalMilliseconds / run.Converged.Count:0.0} ms");
        Row("server's most memory", run => $"{run.Memory / 1048576.0:N0} MiB");
        foreach (var reason in runs.SelectMany(run => run.Failures.Keys).Distinct().Order(StringComparer.Ordinal))
            Row($"tries that failed: {reason}", run => $"{run.Failures.GetValueOrDefault(reason):N0}");
        Row("warnings and errors in the server's log", run => $"{run.Warnings.Count:N0}");
        return rows.ToString().TrimEnd();
    }

    private static int Faults(StormReport run) => run.Revisions.Count(revision => revision != 1) + run.Faults.Count
        + run.Converged.Count - run.Rollout.Waves[0].Running;
}
