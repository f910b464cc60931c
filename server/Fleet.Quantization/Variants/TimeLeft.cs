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

    /// <summary>Below that seconds are told: in tens of them nothing would count down.</summary>
    private static readonly TimeSpan Few = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1), Hour = TimeSpan.FromHours(1);

    private readonly TimeSpan _whole = expected.Aggregate(after, (sum, one) => sum + one);
    private readonly TimeSpan _begun = deadline.Elapsed;
    private (int Steps, TimeSpan At) _last;

    /// <summary>
    /// What is left once so many steps are done, less what the next one has taken since that was asked first: asked again it counts down,
    /// to what the steps behind that one are expected to take.
    /// </summary>
    public TimeSpan After(int steps)
    {
        if (steps != _last.Steps) _last = (steps, deadline.Elapsed);
        var done = expected.Take(steps).Aggregate(TimeSpan.Zero, (sum, one) => sum + one);
        var begun = steps == 0 ? _begun : _last.At;
        var pace = (begun - _begun + Trust * _whole) / (done + Trust * _whole);
        if (!double.IsFinite(pace)) return TimeSpan.Zero;
        var (left, next) = (pace * (_whole - done), pace * expected.ElementAtOrDefault(steps));
        var taken = deadline.Elapsed - begun;
        return Limited(left - (taken < next ? taken : next));
    }

    /// <summary>A duration as it may be told where it is a guess: in seconds where few are left, else with about two digits less.</summary>
    public static string About(TimeSpan time) => time < Few ? Text($"about {Math.Max(1, Math.Round(time.TotalSeconds)):0} s")
        : time < Minute * 1.5 ? Text($"about {Math.Round(time.TotalSeconds / 10) * 10:0} s")
        : time < Hour * 1.5 ? Text($"about {time.TotalMinutes:0} min") : Text($"about {time.TotalHours:0.0} h");

    private TimeSpan Limited(TimeSpan time)
        => deadline.Limit > TimeSpan.Zero && deadline.Limit - deadline.Elapsed is var left && left < time
            ? TimeSpan.FromTicks(Math.Max(0, left.Ticks)) : time;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
