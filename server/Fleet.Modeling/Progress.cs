using Fleet.Contracts.Builds;

namespace Fleet.Modeling;

/// <summary>A named part of a build's progress: it reports its own share, the whole hears the build's.</summary>
/// <param name="sink">Who hears it. Called on the thread that works.</param>
/// <param name="step">What is done, for people.</param>
/// <param name="from">Share of the build done before it.</param>
/// <param name="to">Share done after it.</param>
internal sealed class Progress(IProgress<BuildProgress> sink, string step, double from, double to)
{
    /// <summary>Reports a share of this part, 0 to 1.</summary>
    public void Report(double fraction, string detail = "")
        => sink.Report(new BuildProgress(detail.Length == 0 ? step : $"{step}: {detail}", from + (to - from) * Math.Clamp(fraction, 0, 1)));
}
