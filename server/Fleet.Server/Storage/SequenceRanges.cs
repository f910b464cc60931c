using System.Globalization;

namespace Fleet.Server.Storage;

/// <summary>
/// Which sequence numbers were seen, as ranges: a device counts up by one, so that a year of batches is one range. At most
/// <see cref="MaximumRanges"/> are kept; of a device with more gaps the oldest are forgotten, and a repeat from there would be
/// stored twice rather than lost.
/// </summary>
internal sealed class SequenceRanges
{
    /// <summary>Ranges kept.</summary>
    public const int MaximumRanges = 64;

    private readonly IReadOnlyList<(long First, long Last)> _ranges;

    /// <summary>Nothing seen.</summary>
    public SequenceRanges() => _ranges = [];

    private SequenceRanges(IEnumerable<(long First, long Last)> ranges) => _ranges = [.. ranges];

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static SequenceRanges Parse(string text) => new(text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(range =>
    {
        var ends = range.Split('-');
        return (long.Parse(ends[0], CultureInfo.InvariantCulture), long.Parse(ends[^1], CultureInfo.InvariantCulture));
    }));

    /// <summary>True when <paramref name="sequence"/> was seen.</summary>
    public bool Contains(long sequence) => _ranges.Any(range => range.First <= sequence && sequence <= range.Last);

    /// <summary>These and <paramref name="sequence"/>.</summary>
    public SequenceRanges Add(long sequence)
    {
        if (Contains(sequence)) return this;
        var (first, last) = (sequence, sequence);
        var others = new List<(long First, long Last)>();
        foreach (var range in _ranges)
        {
            if (range.Last == sequence - 1) first = range.First;
            else if (range.First == sequence + 1) last = range.Last;
            else others.Add(range);
        }
        return new(others.Append((First: first, Last: last)).OrderBy(range => range.First).TakeLast(MaximumRanges));
    }

    /// <inheritdoc/>
    public override string ToString()
        => string.Join(',', _ranges.Select(range => string.Create(CultureInfo.InvariantCulture, $"{range.First}-{range.Last}")));
}
