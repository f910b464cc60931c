using System.Globalization;
using Fleet.Contracts.Tasks;
using Fleet.Quantization;

namespace Fleet.Benchmarks.Quantization;

/// <summary>The rows of the contest, model by model: what is there of one stays until it is judged again.</summary>
internal sealed class ContestTable
{
    /// <summary>Name of the benchmark, and of its file.</summary>
    public const string Name = "quantize-contest";

    private const string Head = "| model | file | bytes | of fp32 | dB | 95 % | decided alike | x fp32 as given | 95 % "
        + "| x fp32 prepared | 95 % | CPU s to make | peak MB | verdict |";

    private readonly KeptRows _rows;

    /// <param name="order">The models in the order of the table.</param>
    public ContestTable(IEnumerable<string> order) => _rows = new KeptRows(Name, order);

    /// <summary>Forgets what is there of a model.</summary>
    public void Clear(string model) => _rows.Clear(model);

    /// <summary>A row without figures: what could not be made, or what a whole run took.</summary>
    public void Add(string model, string file, ProgramCost? cost, string verdict)
        => _rows.Add(model, $"{file} | | | | | | | | | | {Took(cost)} | {verdict}");

    /// <summary>A row of a file.</summary>
    public void Add(string model, ContestFile file, double ofFloat, ProgramCost? cost, string verdict)
    {
        var interval = file.Told.Intervals.FirstOrDefault(one => one.Name == Metric.SignalToNoise.Name);
        var between = interval is null ? "" : Text($"{interval.Low:0.0} to {interval.High:0.0}");
        _rows.Add(model, Text($"{file.Name} | {file.Bytes:N0} | {ofFloat:P1} | {file.Decibels:0.0} | {between} | ")
            + Text($"{file.Told.Closeness.Agreement:P1} | {Speed(file.AsGiven)} | {Speed(file.AsPrepared)} | {Took(cost)} | {verdict}"));
    }

    /// <summary>True where a file of the peer's is ahead of ours in something.</summary>
    public bool HasLossOf(string model) => _rows.Of(model).Any(row => row.Contains(ContestFile.Loss, StringComparison.Ordinal));

    /// <summary>How often the chosen file decides as fp32 does, and its speed over fp32 as given, as the table has them.</summary>
    public (string Alike, string Speed) ChosenOf(string model)
    {
        const int Alike = 7, Speed = 8;
        var cells = _rows.Of(model).FirstOrDefault(row => row.Contains(", chosen |", StringComparison.Ordinal))?.Split('|');
        return cells is null ? ("", "") : (cells[Alike].Trim(), cells[Speed].Trim());
    }

    /// <summary>Rows of all models.</summary>
    public string Body()
        => $"{Head}\n|---|---|--:|--:|--:|---|--:|--:|---|--:|---|--:|--:|---|\n{string.Join('\n', _rows.All)}\n";

    private static string Took(ProgramCost? cost)
        => cost is null ? " | " : Text($"{cost.Processor.TotalSeconds:0.0} | {cost.LargestProcess / 1e6:0}");

    private static string Speed(RelativeSpeed speed) => Text($"{speed.Value:0.00} | {speed.Low:0.00} to {speed.High:0.00}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
