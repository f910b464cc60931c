using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>One variant, what was measured of it and the verdict on it.</summary>
public sealed record VariantReport
{
    /// <summary>Name, such as <c>x64-int8</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Profile it was made for.</summary>
    public required string Profile { get; init; }

    /// <summary>Scheme that made it.</summary>
    public required string Scheme { get; init; }

    /// <summary>What was done beside rounding, in words: the calibrator, a correction of biases, ….</summary>
    public IReadOnlyList<string> Techniques { get; set; } = [];

    /// <summary>The file; absent when it could not be made.</summary>
    public ArtifactReference? Artifact { get; init; }

    /// <summary>
    /// Its weights, where they are in a file of their own beside it because one file of the format holds at most 2 GiB; absent otherwise. A
    /// release has one file for each variant, so that such a variant cannot be released.
    /// </summary>
    public ArtifactReference? Data { get; init; }

    /// <summary>Bytes of its files; null when it could not be made.</summary>
    [JsonIgnore] public long? Bytes => Artifact?.Bytes + (Data?.Bytes ?? 0);

    /// <summary>What the inference host must set.</summary>
    public RuntimeSettings Runtime { get; set; } = new();

    /// <summary>What the server measured; its latency, memory and energy are of the server's processor.</summary>
    public Scores? Scores { get; init; }

    /// <summary>How close its outputs are to the float model's; null when it could not be run.</summary>
    public Closeness? Closeness { get; init; }

    /// <summary>What the one to take for its profile does with each class; absent of others, and where there are no classes.</summary>
    public DecisionReport? Decisions { get; init; }

    /// <summary>How often it calls a normal sample an anomaly, by a threshold of its own; absent of other tasks.</summary>
    public FalsePositives? FalsePositives { get; init; }

    /// <summary>
    /// What a device measures of it on the samples that travel with a release, by the same scoring; absent where those are the
    /// samples that report.
    /// </summary>
    public Scores? Travelling { get; init; }

    /// <summary>
    /// What it lost against the float model of the metric it was judged by, in the metric's unit, negative when it gained; null when
    /// that was closeness to the float model's outputs.
    /// </summary>
    public double? Drop { get; init; }

    /// <summary>Where that loss lies, with a confidence of 95 %, by the same resamplings of both; absent where nothing was lost so, or
    /// there were too few samples.</summary>
    public MetricInterval? DropInterval { get; init; }

    /// <summary>
    /// Where the figures of <see cref="Scores"/> and <see cref="Closeness"/> lie, with a confidence of 95 % (bootstrap over the samples
    /// that report); none in older reports, and where there were too few samples.
    /// </summary>
    public IReadOnlyList<MetricInterval> Intervals { get; set; } = [];

    /// <summary>
    /// The figure that decides on the samples that chose it: the best of many, and no claim. Absent in older reports, and where it was not
    /// measured.
    /// </summary>
    public MetricValue? Selected { get; init; }

    /// <summary>True when it is much better on the samples that chose it than on those that report.</summary>
    public bool Overfitted { get; init; }

    /// <summary>Bits that a weight of a matrix product takes on average, scales included; absent where none are in blocks.</summary>
    public double? AverageBits { get; init; }

    /// <summary>
    /// fp32's processor time over this variant's, the median of pairs of calls in one process; above 1 is faster. Null when not of this
    /// processor's profile.
    /// </summary>
    public double? SpeedUp { get; init; }

    /// <summary>Where <see cref="SpeedUp"/> lies, with a confidence of 95 %; absent in older reports and where nothing was timed.</summary>
    public MetricInterval? SpeedUpInterval { get; init; }

    /// <summary>How it runs on whole batches, where it was judged on these; absent where it was not, and where nothing was timed.</summary>
    public BatchTiming? Batch { get; init; }

    /// <summary>
    /// The same by counting operators for a profile that is not this processor's: an estimate, never measured. Null where
    /// <see cref="SpeedUp"/> was measured, and where nothing could be estimated.
    /// </summary>
    public double? EstimatedSpeedUp { get; init; }

    /// <summary>
    /// How <see cref="EstimatedSpeedUp"/> was corrected by what devices measured; absent where it rests on operators alone.
    /// </summary>
    public EstimateRefinement? Refinement { get; init; }

    /// <summary>
    /// Names the cost model that estimated: two estimates are compared only where it is the same. Absent without an estimate, and in
    /// older reports.
    /// </summary>
    public string? EstimatedBy { get; init; }

    /// <summary>What stayed float and why, and which layers cost most where it was rejected.</summary>
    public IReadOnlyList<LayerReport> Layers { get; set; } = [];

    /// <summary>True when it may be released.</summary>
    public required bool Accepted { get; init; }

    /// <summary>
    /// True where it is accepted by its figure and the interval of that reaches past what is asked for: other samples may show that it
    /// misses it. False where the whole interval holds, and where none is known.
    /// </summary>
    public bool ReachesPastLimit { get; init; }

    /// <summary>True for the one to take for its profile by the goal of the spec.</summary>
    public bool Chosen { get; init; }

    /// <summary>
    /// True when something accepted of its profile, or the float model, is as small, as fast and as accurate, and better in one of them: no
    /// reason to release it.
    /// </summary>
    public bool Dominated { get; init; }

    /// <summary>Why it was rejected or not chosen, or what a reader should know of it.</summary>
    public IReadOnlyList<string> Reasons { get; set; } = [];

    /// <summary>What a release promises of it: what a device should measure on the samples it gets, and what running it costs.</summary>
    public Scores? Promised() => Travelling is not { } travelling ? Scores : travelling with
    {
        Metrics = [.. travelling.Metrics, .. (Scores?.Metrics ?? []).Where(metric => Metric.IsCost(metric.Name))],
    };
}

/// <summary>How a variant runs on batches of several samples.</summary>
/// <param name="Size">Samples in a batch.</param>
/// <param name="Latency">Time of a batch.</param>
/// <param name="SpeedUp">fp32's processor time over this variant's, of the same batches.</param>
/// <param name="SpeedUpInterval">Where that lies, with a confidence of 95 %.</param>
public sealed record BatchTiming(int Size, LatencySummary Latency, double SpeedUp, MetricInterval SpeedUpInterval);

/// <summary>How close a variant's outputs are to the float model's; needs no labels.</summary>
/// <param name="SignalToNoise">Decibels over all float outputs; <see cref="Exact"/> where nothing differs.</param>
/// <param name="Cosine">Cosine of all float outputs, -1 to 1.</param>
/// <param name="Agreement">Share of rows of the first output whose largest value is at the same place, 0 to 1; null where no row
/// decides anything.</param>
public sealed record Closeness(double SignalToNoise, double Cosine, double? Agreement = null)
{
    /// <inheritdoc cref="OutputScore.ExactDecibels"/>
    public const double Exact = OutputScore.ExactDecibels;
}

/// <summary>One layer of a variant: why it stayed float, or what its rounding costs.</summary>
public sealed record LayerReport
{
    /// <summary>Name of the node in the float model.</summary>
    public required string Layer { get; init; }

    /// <summary>Its operator, such as <c>Conv</c>.</summary>
    public required string Operator { get; init; }

    /// <summary>What became of it.</summary>
    public required LayerFate Fate { get; init; }

    /// <summary>
    /// Decibels of signal to noise won over the whole model by this layer alone in float; null when that was not the reason.
    /// </summary>
    public double? Decibels { get; init; }

    /// <summary>
    /// What its return to float won back of the metric the variant was judged by, in its unit, after those before it; null where that was
    /// closeness to the float model's outputs.
    /// </summary>
    public double? Points { get; init; }
}

/// <summary>What became of a layer.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<LayerFate>))]
public enum LayerFate
{
    /// <summary>Float, because its rounding cost too much accuracy.</summary>
    ReturnedToFloat,
    /// <summary>Float, because the scheme has no integer form for it.</summary>
    NotQuantizable,
    /// <summary>Float, because the runtime does not compute it in integers on this processor.</summary>
    NotFused,
    /// <summary>Float, because the request or the spec names it.</summary>
    Asked,
    /// <summary>Quantized, in a variant that was rejected: one of the layers that cost most.</summary>
    Costly,
}
