namespace Fleet.Benchmarks.Quantization;

/// <summary>Rows of a benchmark's table by model, as its file has them: those of one stay until it is judged again.</summary>
internal sealed class KeptRows
{
    private readonly string[] _order;
    private readonly Dictionary<string, List<string>> _rows = [];

    /// <param name="benchmark">Whose file is read, where there is one.</param>
    /// <param name="order">The models in the order of the table. Rows of others are forgotten.</param>
    public KeptRows(string benchmark, IEnumerable<string> order)
    {
        _order = [.. order];
        if (!File.Exists(ResultFile.PathOf(benchmark))) return;
        foreach (var row in File.ReadLines(ResultFile.PathOf(benchmark))
            .TakeWhile(row => row != PublishedFigures.Heading).Where(row => row.StartsWith("| ", StringComparison.Ordinal)))
        {
            if (_order.FirstOrDefault(model => row.StartsWith($"| {model} |", StringComparison.Ordinal)) is { } model) Of(model).Add(row);
        }
    }

    /// <summary>All rows, in the order of the table.</summary>
    public IReadOnlyList<string> All => [.. _order.Where(_rows.ContainsKey).SelectMany(model => _rows[model])];

    /// <summary>Forgets what is there of a model.</summary>
    public void Clear(string model) => _rows.Remove(model);

    /// <summary>A further row of a model; it is shown as well.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rest">Its cells after the name, without the bars at both ends.</param>
    public void Add(string model, string rest)
    {
        var row = $"| {model} | {rest} |";
        Of(model).Add(row);
        Console.Error.WriteLine(row);
    }

    /// <summary>The rows of a model.</summary>
    public List<string> Of(string model)
    {
        if (!_rows.TryGetValue(model, out var rows)) _rows[model] = rows = [];
        return rows;
    }
}
