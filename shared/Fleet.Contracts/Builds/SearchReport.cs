using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>How a student of family <c>auto</c> was found: the leaderboard of its search, and what to build without one.</summary>
public sealed record SearchReport
{
    /// <summary>The spec that gives the same student without a search.</summary>
    public required BuildSpec Found { get; init; }

    /// <summary>What was judged by, in words, such as <c>3 folds of 45 training samples</c>.</summary>
    public required string HeldOut { get; init; }

    /// <summary>Processor time that was allowed, in minutes: of the whole build where the spec says it, else of the search.</summary>
    public required double Minutes { get; init; }

    /// <summary>Processor time that it took, in seconds, all threads together.</summary>
    public required double ProcessorSeconds { get; init; }

    /// <summary>Everything that was considered, the best first.</summary>
    public required IReadOnlyList<SearchTrial> Trials { get; init; }

    /// <summary>
    /// How many times as long as on the machine that builds the student takes on the device that timed it; absent where none did. What the
    /// spec allows on the device is divided by it where this machine times variants.
    /// </summary>
    public double? DeviceFactor { get; init; }

    /// <summary>What was left out, and why, in sentences.</summary>
    public IReadOnlyList<string> Notes { get; set; } = [];
}

/// <summary>One student that was considered. With the data and the spec's seed its line says all that it takes to train it again.</summary>
public sealed record SearchTrial
{
    /// <summary>Its family.</summary>
    public required string Family { get; init; }

    /// <summary>Its width.</summary>
    public required int Width { get; init; }

    /// <summary>Its depth; absent where the family has one of its own.</summary>
    public int? Depth { get; init; }

    /// <summary>Peak learning rate.</summary>
    public required double LearningRate { get; init; }

    /// <summary>What was done to its samples; absent where the spec says it.</summary>
    public string? Augmentation { get; init; }

    /// <summary>
    /// What it learned from beside the labels, such as <c>0.9 teacher at temperature 4</c>; absent: these alone.
    /// </summary>
    public string? LearnsFrom { get; init; }

    /// <summary>Bits of the weights in the file that it was judged as; absent: the network as it was trained.</summary>
    public int? WeightBits { get; init; }

    /// <summary>Trainable parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>Multiplications and additions, counted as one, for one sample.</summary>
    public required long MultiplyAdds { get; init; }

    /// <summary>Size of its file, of 8 bits, of fewer or, where that alone is fast enough, in float, measured untrained.</summary>
    public required long Bytes { get; init; }

    /// <summary>
    /// p95 of one inference; absent when no limit asked for it. Of a search for a device its own, where it timed the student, else an
    /// estimate.
    /// </summary>
    public TimeSpan? LatencyP95 { get; init; }

    /// <summary>What a device took for its file; absent where none timed it.</summary>
    public DeviceTime? Timed { get; init; }

    /// <summary>What it reached, rung by rung; empty when there was no time for it.</summary>
    public IReadOnlyList<SearchRung> Rungs { get; set; } = [];

    /// <summary>True for the one that is built.</summary>
    public bool Chosen { get; init; }

    /// <summary>What it is, for people.</summary>
    [JsonIgnore] public string Name => NameOf(Family, Width, Depth);

    /// <summary>A student's name for people.</summary>
    public static string NameOf(string family, int width, int? depth)
        => family == "linear" ? family : $"{family} {width}{(depth is { } stages ? $" x {stages}" : "")}";

    /// <summary>Processor time of its trainings, in seconds.</summary>
    [JsonIgnore] public double ProcessorSeconds => Rungs.Sum(rung => rung.ProcessorSeconds);
}

/// <summary>What a device took for one inference of a student, measured untrained.</summary>
/// <param name="Device">The device.</param>
/// <param name="Latency">Time of one inference.</param>
/// <param name="ProcessorTime">Processor time of it, all threads together.</param>
public sealed record DeviceTime(
    string Device, LatencySummary Latency,
    [property: JsonPropertyName("processorMs"), JsonConverter(typeof(MillisecondsConverter))] TimeSpan ProcessorTime);

/// <summary>What a student reached in one rung of the search, on samples that were held out of the training ones.</summary>
/// <param name="Number">The rung, from 1.</param>
/// <param name="Steps">Steps of each of its trainings.</param>
/// <param name="Trainings">Trainings: a fold was held out of each.</param>
/// <param name="Figure">The metric that decides for the task.</param>
/// <param name="Error">Standard error of <paramref name="Figure"/>.</param>
/// <param name="Loss">
/// What it was ranked by, less being better: of classes the mean squared distance of the probabilities from the label (Brier, 1950), of
/// values the mean squared error in variances of the labels, of boxes the loss they are trained by.
/// </param>
/// <param name="ProcessorSeconds">Processor time that it took, all threads together.</param>
public sealed record SearchRung(
    int Number, int Steps, int Trainings, MetricValue Figure, double Error, double Loss, double ProcessorSeconds);
