using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Builds;

/// <summary>Which variants are made.</summary>
public sealed record QuantizationSpec
{
    /// <summary>
    /// Profiles by name: built-in ones, and those of <see cref="CustomProfiles"/>. In a spec file the path of a profile's own file may
    /// stand here; the CLI reads it in.
    /// </summary>
    public IReadOnlyList<string> Profiles { get; set; } = ["x64", "arm-cpu", "jetson"];

    /// <summary>
    /// Profiles that are not built in, whole; absent for none. They travel with the release, so that devices and server know them.
    /// </summary>
    public IReadOnlyList<HardwareProfile>? CustomProfiles { get; init; }

    /// <summary>Schemes by name; absent or <c>auto</c>, all that suit each profile are tried.</summary>
    public IReadOnlyList<string>? Schemes { get; init; }

    /// <summary>What the choice among good variants is made by: <c>latency</c> (the default), <c>size</c> or <c>accuracy</c>.</summary>
    public string? Goal { get; init; }

    /// <summary>
    /// How much is tried for a better variant, and how exactly it is timed: <c>fast</c>, <c>balanced</c> (the default) or <c>thorough</c>.
    /// </summary>
    public string? Effort { get; init; }

    /// <summary>
    /// <c>ort</c> writes the variant to take for this machine in ONNX Runtime's own format as well; <c>onnx</c> or absent: ONNX alone.
    /// </summary>
    public string? Format { get; init; }

    /// <summary>
    /// Operator set that variants are written in, 13 to 21 and not before that of the model; absent: that of the model, or 13 where it is
    /// older. A form that needs a later one, such as <c>int4-weights-portable</c>, has it.
    /// </summary>
    public int? Opset { get; init; }

    /// <summary>
    /// Samples that run together where variants are judged, 2 to <see cref="MostInBatch"/>, of a model whose first extent is free: what
    /// dynamic int8 makes of a sample depends on those beside it. Variants are timed one by one and on such batches, and chosen by the
    /// latter. Absent or 1: samples run one by one, as devices judge them.
    /// </summary>
    public int? Batch { get; init; }

    /// <summary>
    /// Time after which nothing further is tried: a search takes the best so far, a variant that has not begun is not made. Absent: as long
    /// as it takes.
    /// </summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>
    /// Layers that stay float in every variant, each by its name in the report, by a value that it makes, or by its operator (<c>Conv</c>)
    /// for all of that kind; <c>*</c> stands for any letters. Absent: accuracy alone decides.
    /// </summary>
    public IReadOnlyList<string>? Keep { get; init; }

    /// <summary>
    /// The only layers that are quantized, named as in <c>keep</c>; what lies between them and has no weights follows. Absent: all.
    /// </summary>
    public IReadOnlyList<string>? Only { get; init; }

    /// <summary>
    /// Bits that a weight of a matrix product may take on average in <c>mixed-weights</c>, scales included; absent:
    /// <see cref="DefaultAverageBits"/>. Where it is set, that scheme is among those that are tried by themselves.
    /// </summary>
    public double? AverageBits { get; init; }

    /// <summary>
    /// Bits of the weights of single matrix products in <c>mixed-weights</c>, such as <c>encoder/fc1=8</c>; of two that name one layer the
    /// later holds. What is not named shares <see cref="AverageBits"/> with them. Accuracy control leaves them as they are. Where it is
    /// set, that scheme is among those that are tried by themselves.
    /// </summary>
    public IReadOnlyList<LayerBits>? Bits { get; init; }

    /// <summary>Training samples that calibrate the activation ranges; they are streamed, memory does not grow with them.</summary>
    public int CalibrationSamples { get; set; } = 512;

    /// <summary>
    /// How ranges are taken from the calibration samples: <c>minmax</c>, <c>percentile</c>, <c>mse</c> or <c>entropy</c>.
    /// </summary>
    public string Calibrator { get; set; } = "percentile";

    /// <summary>
    /// Largest loss against the fp32 model of the metric that decides for the task, where there are labels: points for a share such as
    /// accuracy or mAP (0.01 is one point), a share of the figure for an error such as RMSE (0.01 is 1 %). A variant that loses more is
    /// rejected.
    /// </summary>
    public double MaximumDrop { get; set; } = 0.01;

    /// <summary>
    /// Decibels of signal to noise against the fp32 model below which a variant is rejected, where there are no labels to measure
    /// a drop by; absent: <see cref="DefaultSignalToNoise"/>. <c>int8-weights</c> aims at 30 beyond it, except where bytes are the goal.
    /// </summary>
    public double? MinimumSignalToNoise { get; init; }

    /// <summary>
    /// Share, 0 to 1, of the fp32 model's boxes that a detector must find again where there are no labels, as mAP 50:95 counts
    /// them; absent: <see cref="DefaultBoxAgreement"/>. Boxes a pixel off cost a little of it.
    /// </summary>
    public double? MinimumBoxAgreement { get; init; }

    /// <summary>The profile of that name, built in or the spec's own; null when there is none.</summary>
    public HardwareProfile? Find(string profile)
        => CustomProfiles?.FirstOrDefault(custom => custom.Name == profile) ?? BuiltInProfiles.Find(profile);

    /// <summary>The word for all schemes that suit a profile.</summary>
    public const string Auto = "auto";

    /// <summary>Most samples in a batch.</summary>
    public const int MostInBatch = 256;

    /// <summary>All boxes are there and lie well: UltraFace's int8 variants find 0.98 to 0.99 of it.</summary>
    public const double DefaultBoxAgreement = 0.9;

    /// <summary>A fifth less than 4-bit weights in blocks of 32 take with their scales, and with samples closer than those.</summary>
    public const double DefaultAverageBits = 4;

    /// <summary>Fewest bits that may be asked for: 2-bit weights take little less with their scales.</summary>
    public const double FewestAverageBits = 2.5;

    /// <summary>Most bits that may be asked for: past it other schemes are as close.</summary>
    public const double MostAverageBits = 8;

    /// <summary>Noise of a thirtieth of the signal's power: outputs of most models still say the same.</summary>
    public const double DefaultSignalToNoise = 15;
}
