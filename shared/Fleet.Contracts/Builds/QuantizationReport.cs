using System.Globalization;
using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>What came out of quantizing a model of one's own without a build: enough to choose by and to run it again.</summary>
public sealed record QuantizationReport
{
    /// <summary>File name of the float model.</summary>
    public required string Model { get; init; }

    /// <summary>SHA-256 of that file in lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Size of that file, and of the files beside it that hold its weights.</summary>
    public required long Bytes { get; init; }

    /// <summary>
    /// What the model was when it was given, where it was quantized already and was made float first; absent for a float model. Digest and
    /// name are of that file, and the size is of the float model made of it.
    /// </summary>
    public RequantizedModel? Requantized { get; init; }

    /// <summary>Floating-point weights in it.</summary>
    public required long Parameters { get; init; }

    /// <summary>When the work began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>How long it took.</summary>
    [JsonPropertyName("milliseconds"), JsonConverter(typeof(MillisecondsConverter))] public required TimeSpan Duration { get; init; }

    /// <summary>How long it was expected to take before the search began; absent in reports from before that was told.</summary>
    [JsonPropertyName("expectedMilliseconds"), JsonConverter(typeof(MillisecondsConverter))] public TimeSpan? Expected { get; init; }

    /// <summary>The processor the latencies were measured on.</summary>
    public required string MeasuredOn { get; init; }

    /// <summary>Where the samples came from that fixed the ranges; absent when there were none.</summary>
    public SampleSource? Calibration { get; init; }

    /// <summary>Where the samples came from that judged.</summary>
    public required SampleSource Validation { get; init; }

    /// <summary>How many of those chose, and how many reported; absent in reports from before they were told apart.</summary>
    public SampleParts? Parts { get; init; }

    /// <summary>
    /// True when the samples that judged had labels: the measure is then the first metric of the task, otherwise closeness to the float
    /// model.
    /// </summary>
    public bool Labelled { get; init; }

    /// <summary>What the model does; absent in reports from before it was told.</summary>
    public ModelTask? Task { get; init; }

    /// <summary>Name of the metric that variants were judged by; absent in reports from before there was a choice.</summary>
    public string? Measure { get; init; }

    /// <summary>What was asked: profiles, schemes, goal, limits.</summary>
    public required QuantizationSpec Spec { get; init; }

    /// <summary>What was measured of the float model.</summary>
    public required Scores Original { get; init; }

    /// <summary>Where the float model's figures lie, as <see cref="VariantReport.Intervals"/>.</summary>
    public IReadOnlyList<MetricInterval> OriginalIntervals { get; set; } = [];

    /// <summary>
    /// What speaks against the labels or the samples themselves, such as a float model that is right by chance alone; absent where nothing
    /// does.
    /// </summary>
    public string? Doubt { get; init; }

    /// <summary>Every variant tried, the rejected ones included.</summary>
    public required IReadOnlyList<VariantReport> Variants { get; init; }

    /// <summary>
    /// With a recipe: what did not come out as it says, a sentence for each variant; empty where every file is the same byte by byte.
    /// </summary>
    public IReadOnlyList<string> NotMadeAgain { get; set; } = [];

    /// <summary>What was decided, for a file of its own; null in a report that was read from a file.</summary>
    [JsonIgnore] public QuantizationRecipe? Recipe { get; init; }
}

/// <summary>
/// How the samples that judge were used: some choose between calibrators, techniques and layers, the others report; no figure that is told
/// rests on a sample that chose.
/// </summary>
/// <param name="Selection">Samples that chose.</param>
/// <param name="Report">Samples that reported.</param>
public sealed record SampleParts(int Selection, int Report)
{
    /// <summary>True where the same samples did both: there was one, or what decides showed in too few of them.</summary>
    public bool Shared { get; init; }

    /// <summary>True where they are part of the calibration data, because nobody gave others.</summary>
    public bool OfCalibration { get; init; }
}

/// <summary>A model that was quantized already when it was given, and was made float to be quantized again.</summary>
/// <param name="Form">The operators that show it, such as <c>QuantizeLinear 1, DequantizeLinear 2</c>.</param>
/// <param name="Bytes">Its size as it was given.</param>
/// <param name="SignalToNoise">Decibels to which the float model made of it answers as it did.</param>
public sealed record RequantizedModel(string Form, long Bytes, double SignalToNoise)
{
    /// <summary>Profiles for which nothing that was made is to take its place.</summary>
    public IReadOnlyList<string> KeptFor { get; init; } = [];

    /// <summary>What a reader must know of it.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"The model was quantized already ({Form}; {Bytes:N0} bytes) and was made float again, which answers {Likeness}. Variants are ")
        + "compared with that float model: what the first rounding lost, none of them has."
        + (KeptFor.Count == 0 ? "" : $" For {string.Join(", ", KeptFor)} nothing better was made: keep the model as it was given.");

    private string Likeness => SignalToNoise >= Closeness.Exact
        ? "exactly as it did"
        : string.Create(CultureInfo.InvariantCulture, $"as it did to {SignalToNoise:0.0} dB");
}

/// <summary>Where samples came from.</summary>
/// <param name="From">A file or folder, or <see cref="Synthetic"/>.</param>
/// <param name="Count">How many.</param>
public sealed record SampleSource(string From, int Count)
{
    /// <summary>The word for made-up samples: good for a first look, and no claim about real data.</summary>
    public const string Synthetic = "synthetic";

    /// <summary>Shapes of made-up samples; null for others.</summary>
    public IReadOnlyList<InputShape>? Shapes { get; init; }

    /// <summary>How pictures and sound became inputs, each part that was used; absent for arrays.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>Names of arrays in it that are neither inputs nor labels of the task; absent where there are none.</summary>
    public IReadOnlyList<string>? Unread { get; init; }

    /// <summary>True when they were made up.</summary>
    [JsonIgnore] public bool IsMadeUp => From == Synthetic;
}
