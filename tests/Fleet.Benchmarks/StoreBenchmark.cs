using System.Globalization;
using System.Text;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// What the store takes and what it costs, in a process of its own (<c>crash-writer … measure</c>): commits of one document and
/// batches as devices send them, by writers that each wait for their answer, on the disk and in memory. A checkout of an older commit
/// with the same driver, built there in Release, is measured in turns where <see cref="Variable"/> names one.
/// </summary>
internal static class StoreBenchmark
{
    private const string Variable = "FLEET_BEFORE";
    private const int Rounds = 3;
    private const string Seconds = "4";
    private const string InMemory = "/dev/shm";

    private static readonly string[] Kinds = ["commits", "batches"];
    private static readonly string[] Writers = ["1", "8", "64"];

    /// <summary>Runs it all in turns and makes the table of the medians.</summary>
    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        List<string> checkouts = [Repository.Root];
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } before) checkouts.Add(before);
        var cases =
            from place in (string[])["disk", "memory"]
            from kind in Kinds
            from writers in Writers
            select (Place: place, Kind: kind, Writers: writers);
        var runs = new List<((string Place, string Kind, string Writers) Case, string Checkout, Figures Figures)>();
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var one in cases)
            {
                foreach (var checkout in checkouts)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    runs.Add((one, checkout, Figures.Of(await MeasureAsync(checkout, one.Place, one.Kind, one.Writers, Seconds))));
                }
            }
        }
        var table = new StringBuilder();
        foreach (var group in runs.GroupBy(run => run.Case))
        {
            Figures? Of(string checkout) => Figures.Median([.. group.Where(run => run.Checkout == checkout).Select(run => run.Figures)]);
            var (now, old) = (Of(Repository.Root)!, checkouts.Count > 1 ? Of(checkouts[1]) : null);
            string Both(Func<Figures, double> of) => string.Create(CultureInfo.InvariantCulture,
                $"{(old is null ? "" : $"{of(old):N0} | ")}{of(now):N0}");
            table.AppendLine(CultureInfo.InvariantCulture,
                $"| {group.Key.Place} | {group.Key.Kind} | {group.Key.Writers} | {Both(figures => figures.Rate)} "
                    + $"| {Both(figures => figures.Cpu)} | {Both(figures => figures.Bytes)} | {now.Syncs:0.00} |");
        }
        string Head(string name) => checkouts.Count > 1 ? $"{name}, before | {name}" : name;
        string Line() => checkouts.Count > 1 ? "--:|--:" : "--:";
        return $"""
            A commit is one document of its own; a batch arrives as a device sends it, a message each. Writers wait for their answer before
            they write again. Medians of {Rounds} rounds of {Seconds} s, all in turns on a machine that others use too: compare CPU and
            bytes of an operation, and rates of one row. Memory is `{InMemory}`. Syncs are those of an operation.
            {(checkouts.Count > 1
                ? $"Before is the checkout that `{Variable}` names: commit 03c022f with the same driver, where LiteDB synced by itself."
                : $"Set `{Variable}` to a checkout of an older commit with the driver, built in Release, to have it beside this one.")}

            | store | operation | writers | {Head("a second")} | {Head("CPU µs")} | {Head("bytes")} | syncs |
            |---|---|--:|{Line()}|{Line()}|{Line()}|--:|
            {table.ToString().TrimEnd()}
            """;
    }

    private static async Task<string> MeasureAsync(string checkout, string place, params string[] measure)
    {
        using var folder = place == "memory" ? new TemporaryFolder(InMemory) : new TemporaryFolder();
        var program = Path.Combine(checkout, ".artifacts", "bin", "Fleet.Server.CrashWriter", "release", "crash-writer");
        var result = await ChildProcess.RunAsync(
            program, ["lite", folder["fleet.db"], "0", "measure", .. measure], TimeSpan.FromMinutes(10));
        return result.Code == 0 ? result.Output : throw new InvalidOperationException(result.Output);
    }

    /// <summary>Operations a second; of one, CPU in µs, bytes written and syncs.</summary>
    private sealed record Figures(double Rate, double Cpu, double Bytes, double Syncs)
    {
        public static Figures Of(string line)
            => line.Split(' ')[2..].Select(number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray()
                is [var rate, var cpu, var bytes, var syncs]
                ? new Figures(rate, cpu, bytes, syncs)
                : throw new InvalidOperationException($"'{line}' is not what the driver prints.");

        public static Figures Median(IReadOnlyList<Figures> runs)
        {
            double Of(Func<Figures, double> figure) => runs.Select(figure).Order().ElementAt(runs.Count / 2);
            return new Figures(Of(run => run.Rate), Of(run => run.Cpu), Of(run => run.Bytes), Of(run => run.Syncs));
        }
    }
}
