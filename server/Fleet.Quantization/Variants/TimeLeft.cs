using System.Globalization;

namespace Fleet.Quantization.Variants;

/// <summary>How long is left of a search: as it was expected, corrected by what those steps took that are done.</summary>
/// <param name="expected">By step, in their order, what it was expected to take.</param>
/// <param name="after">What comes after all of them.</param>
/// <param name="deadline">When nothing further begins; its clock counts.</param>
internal sealed class TimeLeft(IReadOnlyList<TimeSpan> expected, TimeSpan after, Deadline deadline)
{
    /// <summary>Share of the whole expectation that must have passed before what was taken counts as much as what was expected.</summary>
    private const double Trust = 0.25;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1), Hour = TimeSpan.FromHours(1);

    private readonly TimeSpan _whole = expected.Aggregate(after, (sum, one) => sum + one);
    private readonly TimeSpan _begun = deadline.Elapsed;

    /// <summary>What is left once so many steps are done.</summary>
    public TimeSpan After(int steps)
    {
        if (steps == 0) return Limited(_whole);
        var done = expected.Take(steps).Aggregate(TimeSpan.Zero, (sum, one) => sum + one);
        var pace = (deadline.Elapsed - _begun + Trust * _whole) / (done + Trust * _whole);
        return Limited(pace * (_whole - done));
    }

    /// <summary>A duration as it may be told where it is a guess: about two digits less than it has.</summary>
    public static string About(TimeSpan time) => time < Minute * 1.5
        ? Text($"about {Math.Max(1, Math.Round(time.TotalSeconds / 10)) * 10:0} s")
        : time < Hour * 1.5 ? Text($"about {time.TotalMinutes:0} min") : Text($"about {time.TotalHours:0.0} h");

    private TimeSpan Limited(TimeSpan time)
        => deadline.Limit > TimeSpan.Zero && deadline.Limit - deadline.Elapsed is var left && left < time
            ? TimeSpan.FromTicks(Math.Max(0, left.Ticks)) : time;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
