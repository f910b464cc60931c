using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Modeling.Data;

/// <summary>What a reader found in a file, before it is checked and shaped.</summary>
/// <param name="Source">File it came from, for messages.</param>
/// <param name="Values">All values, sample by sample.</param>
/// <param name="SampleShape">Extents of one sample as the file has them.</param>
/// <param name="Labels">Labels of each sample.</param>
internal sealed record RawSamples(string Source, SampleValues Values, IReadOnlyList<int> SampleShape, RawLabels Labels)
{
    /// <summary>All values in memory.</summary>
    public float[] Inputs => Values.ToArray();

    /// <summary>Whose numbers the values are, of texts; null for measured values.</summary>
    public Vocabulary? Vocabulary { get; init; }

    /// <summary>How pictures and sound became the values, each part; null for other values.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>True where pictures became a size that nobody named and not all files have.</summary>
    public bool IsSizeFound { get; init; }

    /// <summary>How they were cut out of streams; null where each is whole.</summary>
    public WindowForm? Windows { get; init; }

    /// <summary>
    /// Columns of a table, whose values are numbers, places of words, or days, and not numbers where they are missing; null for other
    /// samples.
    /// </summary>
    public IReadOnlyList<TableColumn>? Table { get; init; }

    /// <summary>Names of the first axis of a sample, such as columns of a table; null where channels have numbers.</summary>
    public IReadOnlyList<string>? ChannelNames { get; init; }

    /// <summary>What was decided while reading and is worth knowing, in sentences.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>
    /// Where in its source a sample stands, as an editor shows it, such as <c>line 32</c>; null where samples have numbers alone.
    /// </summary>
    public Func<int, string>? Places { get; init; }

    /// <summary>Which thing each sample comes from, such as a machine; null where samples are of different things.</summary>
    public int[]? Origins { get; init; }

    /// <summary>Where a sample stands, for messages.</summary>
    public string Where(int sample) => Places is { } places ? places(sample) : $"sample {sample} (counted from 0)";

    /// <summary>The number of each name among them, in the order in which they are met.</summary>
    public static int[] Numbered<T>(IReadOnlyList<T> names) where T : notnull
    {
        var numbers = new Dictionary<T, int>();
        return [.. names.Select(name => numbers.TryGetValue(name, out var number) ? number : numbers[name] = numbers.Count)];
    }
}
