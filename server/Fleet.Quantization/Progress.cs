using Fleet.Contracts.Builds;

namespace Fleet.Quantization;

/// <summary>A named part of a build's progress: it reports its own share, the whole hears the build's.</summary>
/// <param name="sink">Who hears it, on the thread that works.</param>
/// <param name="step">What is done, for people; asked each time, because it may say how long is left.</param>
/// <param name="from">Share of the build done before it.</param>
/// <param name="to">Share done after it.</param>
internal sealed class Progress(IProgress<BuildProgress> sink, Func<string> step, double from, double to)
{
    /// <summary>A part whose name stays as it is.</summary>
    public Progress(IProgress<BuildProgress> sink, string step, double from, double to) : this(sink, () => step, from, to)
    {
    }

    /// <summary>Of what nobody hears.</summary>
    public static Progress Unheard { get; } = new(new Progress<BuildProgress>(), "", 0, 1);

    /// <summary>Reports a share of this part, 0 to 1.</summary>
    public void Report(double fraction, string detail = "")
        => new PartOf(sink, from, to).Report(new BuildProgress(detail.Length == 0 ? step() : $"{step()}: {detail}", fraction));
}

/// <summary>Fits the progress of a part into that of the whole.</summary>
internal sealed class PartOf(IProgress<BuildProgress> sink, double from, double to) : IProgress<BuildProgress>
{
    /// <inheritdoc/>
    public void Report(BuildProgress value) => sink.Report(value with { Fraction = from + (to - from) * Math.Clamp(value.Fraction, 0, 1) });
}
