using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Quantization.Evaluation;

/// <summary>What was found of a model over the samples that judge.</summary>
/// <param name="Closeness">How close its outputs are to the float model's.</param>
/// <param name="Figure">The figure that decides: the first metric of the task with labels, otherwise closeness to the float model.</param>
internal sealed record Judged(Closeness Closeness, MetricValue Figure)
{
    /// <summary>Figures of the task, against labels and against the float model.</summary>
    public IReadOnlyList<MetricValue> Figures { get; init; } = [];

    /// <summary>The same of the samples that travel with a release; null where those are all.</summary>
    public IReadOnlyList<MetricValue>? Travelling { get; init; }

    /// <summary>Where each figure lies, with the confidence of a bootstrap; empty while a search only compares.</summary>
    public IReadOnlyList<MetricInterval> Intervals { get; init; } = [];

    /// <summary>The figure that decides over each draw of the bootstrap; not a number where it was not measured.</summary>
    public IReadOnlyList<double> Draws { get; init; } = [];

    /// <summary>Where the figure that decides lies; null where nothing was told of it.</summary>
    public MetricInterval? Interval => Intervals.FirstOrDefault(interval => interval.Name == Figure.Name);

    /// <summary>What decides, with its sign such that smaller is better.</summary>
    public double Loss => -Figure.Goodness();

    /// <summary>Judged by decibels alone.</summary>
    public static Judged By(Closeness closeness) => new(closeness, MetricValue.Of(Metric.SignalToNoise, closeness.SignalToNoise));
}
