using System.Globalization;
using Fleet.Quantization;
using Fleet.Quantization.Evaluation;

namespace Fleet.Benchmarks.Quantization;

/// <summary>A file of the contest, and what was found of it on samples that nobody had seen.</summary>
/// <param name="Name">Its name in the table.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Told">How close it is to the float model.</param>
/// <param name="AsGiven">Its speed over that of the float model as it was given.</param>
/// <param name="AsPrepared">The same over the float model as it is prepared for quantizing.</param>
internal sealed record ContestFile(string Name, long Bytes, Judged Told, RelativeSpeed AsGiven, RelativeSpeed AsPrepared)
{
    /// <summary>What the verdict on a file that is ahead of ours holds.</summary>
    public const string Loss = "**loss of ";

    private const double Tail = 0.025;

    /// <summary>Decibels that differ by less are alike, however sure the difference is.</summary>
    private const double Alike = 0.1;

    /// <summary>Least share of the speed of a file that is as close.</summary>
    private const double LeastSpeed = 0.95;

    /// <summary>Beyond this many decibels nothing but the order of sums differs.</summary>
    private const double Exact = 100;

    /// <summary>Decibels over all outputs.</summary>
    public double Decibels => Told.Closeness.SignalToNoise;

    /// <summary>
    /// What ours say to a file of the peer's: none of those that are as small may be less close, and the fastest of those that are as close
    /// may not have less than 0.95 of its speed. The float model as it is prepared is one of ours.
    /// </summary>
    /// <param name="peers">The peer's file.</param>
    /// <param name="ours">Our variants, and the float model as it is prepared.</param>
    public static string Verdict(ContestFile peers, IReadOnlyList<ContestFile> ours)
    {
        var small = ours.Where(file => file.Bytes <= peers.Bytes).MaxBy(file => file.Decibels);
        var fast = ours.Where(file => !file.IsLessCloseThan(peers)).MaxBy(file => file.SpeedOver(peers));
        return $"{Closeness(peers, small)}; {Speed(peers, fast)}";
    }

    private static string Closeness(ContestFile peers, ContestFile? small) => small is null
        ? $"{Loss}bytes**: none of ours is as small"
        : (small.IsLessCloseThan(peers) ? $"{Loss}closeness**: " : "")
            + Text($"{Math.Min(Exact, small.Decibels) - Math.Min(Exact, peers.Decibels):+0.0;−0.0;0.0} dB at ")
            + Text($"{(double)small.Bytes / peers.Bytes:P0} of its bytes ({small.Name})");

    private static string Speed(ContestFile peers, ContestFile? fast) => fast is null
        ? "none of ours is as close"
        : (fast.SpeedOver(peers) < LeastSpeed && peers.AsGiven.IsFasterThan(fast.AsGiven) && peers.AsPrepared.IsFasterThan(fast.AsPrepared)
            ? $"{Loss}speed**: " : "") + Text($"{fast.SpeedOver(peers):0.00} of its speed ({fast.Name})");

    /// <summary>Both were timed beside two float models; what one of these was disturbed by the other was not.</summary>
    private double SpeedOver(ContestFile other)
        => Math.Sqrt(AsGiven.Value / other.AsGiven.Value * (AsPrepared.Value / other.AsPrepared.Value));

    /// <summary>True when it is told to be less close, by the same draws of both.</summary>
    private bool IsLessCloseThan(ContestFile other)
    {
        double[] gains = [.. Told.Draws.Zip(other.Told.Draws, (own, others) => own - others).Where(double.IsFinite).Order()];
        return Decibels < Math.Min(Exact, other.Decibels) - Alike
            && (gains.Length == 0 || gains[^(int)Math.Ceiling(Tail * gains.Length)] < 0);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
