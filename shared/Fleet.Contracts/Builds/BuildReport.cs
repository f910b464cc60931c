using System.Text.Json.Serialization;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>What came out of a build: enough to choose by, to release from and to run it again.</summary>
public sealed record BuildReport
{
    /// <summary>What was asked.</summary>
    public required BuildSpec Spec { get; init; }

    /// <summary>What the model does; absent in reports from before there were tasks.</summary>
    public ModelTask? Task { get; init; }

    /// <summary>Name of the metric that variants were judged by; absent in reports from before there was a choice.</summary>
    public string? Measure { get; init; }

    /// <summary>How boxes are made of the outputs, for detection.</summary>
    public DetectionForm? Detection { get; init; }

    /// <summary>When the worker began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>How long it took.</summary>
    [JsonPropertyName("milliseconds"), JsonConverter(typeof(MillisecondsConverter))] public required TimeSpan Duration { get; init; }

    /// <summary>The processor the latencies were measured on.</summary>
    public required string MeasuredOn { get; init; }

    /// <summary>SHA-256 over the samples and labels, in order.</summary>
    public required string DataSha256 { get; init; }

    /// <summary>Samples to learn from, to select by and to judge by.</summary>
    public required SampleCounts Samples { get; init; }

    /// <summary>What was understood of the data; absent in reports from before it was told, and for a model of one's own.</summary>
    public DataReport? Data { get; init; }

    /// <summary>Class names.</summary>
    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>
    /// Samples of each class by use, in the order of <see cref="Classes"/>; empty where there are no classes, and in older reports.
    /// </summary>
    public IReadOnlyList<ClassCount> ClassCounts { get; set; } = [];

    /// <summary>The teacher; absent when a model of one's own was quantized.</summary>
    public NetworkReport? Teacher { get; init; }

    /// <summary>The fp32 model that the variants were made of: the student, or the model of one's own.</summary>
    public required NetworkReport Student { get; init; }

    /// <summary>
    /// Simple models judged beside the networks; empty in reports from before there were any, for detection, and for a model of one's own.
    /// </summary>
    public IReadOnlyList<FloorReport> Floors { get; set; } = [];

    /// <summary>What a reader must know before the figures, in sentences, such as that a linear model does as well.</summary>
    public IReadOnlyList<string> Findings { get; set; } = [];

    /// <summary>Variations of samples that were tried before the training; empty where the spec says which.</summary>
    public IReadOnlyList<AugmentationTrial> Augmentations { get; set; } = [];

    /// <summary>How long and how steeply was tried before the training; empty where the spec or the family says it.</summary>
    public IReadOnlyList<CourseTrial> Courses { get; set; } = [];

    /// <summary>
    /// Everybody who learned between the teacher and the student that is built, in order; empty where the teacher taught one student.
    /// </summary>
    public IReadOnlyList<GenerationReport> Generations { get; set; } = [];

    /// <summary>How long networks were trained by cross-validation; absent where the spec has no <c>data.folds</c>.</summary>
    public CrossValidationReport? CrossValidation { get; init; }

    /// <summary>What each seed reached, with intervals; absent where the spec has no <c>seeds</c>.</summary>
    public SeedsReport? Seeds { get; init; }

    /// <summary>The widths that were tried for a student of width <c>auto</c>, in order; absent when its width was given.</summary>
    public IReadOnlyList<WidthTrial>? Widths { get; init; }

    /// <summary>How the student was searched, for family <c>auto</c>; absent when its family was given.</summary>
    public SearchReport? Search { get; init; }

    /// <summary>Where the samples came from that fixed the ranges; absent when the spec's data is all there is to say.</summary>
    public SampleSource? Calibration { get; init; }

    /// <summary>Where the samples came from that judged; absent when the spec's data is all there is to say.</summary>
    public SampleSource? Validation { get; init; }

    /// <summary>What the model does. A report that does not say is from before there were tasks: with class names it classifies.</summary>
    public ModelTask TaskOf() => Task ?? (Classes.Count > 0 ? ModelTask.Classification : ModelTask.Outputs);

    /// <summary>Input tensors of every variant.</summary>
    public required IReadOnlyList<TensorDescription> Inputs { get; init; }

    /// <summary>Output tensors of every variant.</summary>
    public required IReadOnlyList<TensorDescription> Outputs { get; init; }

    /// <summary>The labelled samples that travel with a release.</summary>
    public required ArtifactReference ValidationSet { get; init; }

    /// <summary>Every variant tried, the rejected ones included.</summary>
    public required IReadOnlyList<VariantReport> Variants { get; init; }
}

/// <summary>Samples by use.</summary>
/// <param name="Training">Learned from.</param>
/// <param name="Validation">Held out to choose the best epoch by.</param>
/// <param name="Test">Judged on.</param>
public sealed record SampleCounts(int Training, int Validation, int Test)
{
    /// <summary>Without labels, which the teacher is asked about beside those learned from; absent for none.</summary>
    public int? Unlabelled { get; init; }
}

/// <summary>Variations of samples that were tried, by the loss on samples held out of the training ones.</summary>
/// <param name="Name">What is done to samples; <c>none</c> for nothing.</param>
/// <param name="Loss">
/// Mean loss; of what was tried on top of another, the loss of that and the difference from it once both are as sure as suits them.
/// </param>
/// <param name="Difference">By how much it is above that of the first that was tried.</param>
/// <param name="Error">Standard error of the difference, or of that from what it was tried on top of.</param>
/// <param name="Used">True for the one that networks are trained with.</param>
public sealed record AugmentationTrial(string Name, double Loss, double Difference, double Error, bool Used);

/// <summary>A length of training that was tried on samples held out of the training ones.</summary>
/// <param name="Length">In usual ones: 1 is as many steps as are taken where nobody says, 3 three times as many.</param>
/// <param name="LearningRate">Its peak learning rate.</param>
/// <param name="Figure">The metric that decides for the task, on what was held out.</param>
/// <param name="Loss">What it was judged by, less being better, as of a rung of a search.</param>
/// <param name="Difference">By how much the loss is above that of the usual course.</param>
/// <param name="Error">Standard error of the difference.</param>
/// <param name="Used">True for the one that teacher and student are trained by.</param>
public sealed record CourseTrial(
    int Length, double LearningRate, MetricValue Figure, double Loss, double Difference, double Error, bool Used);

/// <summary>An assistant, or one of several students that were trained in turn.</summary>
/// <param name="Name"><c>assistant</c>, <c>generation 1</c>, <c>generation 2</c>, ...</param>
/// <param name="Description">Family and width.</param>
/// <param name="Teacher">Who taught it.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="Test">What it reached on the test samples, which chose nothing.</param>
/// <param name="Kept">True for the student that is built.</param>
/// <param name="HeldOut">What it reached on the validation samples; absent where there are none.</param>
/// <param name="Loss">What it was chosen by, less being better, as of a rung of a search; absent where there are no such samples.</param>
public sealed record GenerationReport(
    string Name, string Description, string Teacher, long Parameters, MetricValue Test, bool Kept, MetricValue? HeldOut = null,
    double? Loss = null)
{
    /// <summary>The assistant's name.</summary>
    public const string Assistant = "assistant";
}

/// <summary>One width that was tried, with an untrained network: size and latency do not depend on what it learned.</summary>
/// <param name="Width">The width.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="Bytes">Size of its 8-bit file, or of its float file where that alone is fast enough.</param>
/// <param name="Fits">True when it is within the budget.</param>
/// <param name="LatencyP95">p95 of one inference of that file; absent when no limit asked for it.</param>
public sealed record WidthTrial(int Width, long Parameters, long Bytes, bool Fits, TimeSpan? LatencyP95 = null);

/// <summary>A float network and how it was trained.</summary>
public sealed record NetworkReport
{
    /// <summary>Family and width, or the file it came from.</summary>
    public required string Description { get; init; }

    /// <summary>Trainable parameters.</summary>
    public required long Parameters { get; init; }

    /// <summary>Size of its ONNX file in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>What was measured on the test samples.</summary>
    public required Scores Scores { get; init; }

    /// <summary>Between which values its figures lie; empty in reports from before they were told.</summary>
    public IReadOnlyList<MetricInterval> Intervals { get; set; } = [];

    /// <summary>What it does with each class; absent where there are none, and in older reports.</summary>
    public DecisionReport? Decisions { get; init; }

    /// <summary>What it does with each label where samples have several, in the order of the classes of the report; else empty.</summary>
    public IReadOnlyList<LabelFigures> Labels { get; set; } = [];

    /// <summary>What it makes of normal samples and anomalies; absent for other tasks.</summary>
    public AnomalyFigures? Anomalies { get; init; }

    /// <summary>One point for each epoch, over all phases.</summary>
    public IReadOnlyList<EpochReport> Epochs { get; set; } = [];
}

/// <summary>One epoch.</summary>
/// <param name="Phase"><c>teacher</c>, <c>distillation</c>, <c>fine-tuning</c>, or how a grid was trained: <c>qat</c>,
/// <c>qat-distillation</c>, a phase of QKD, with the profiles where there are several.</param>
/// <param name="Epoch">Number from 1 within the phase.</param>
/// <param name="Loss">Mean training loss.</param>
/// <param name="Validation">What it reached on the validation samples, in the metric that decides for the task; see
/// <see cref="Reached"/>.</param>
/// <param name="Accuracy">The same in reports from before there were tasks.</param>
public sealed record EpochReport(string Phase, int Epoch, double Loss, MetricValue? Validation = null, double? Accuracy = null)
{
    /// <summary>False where there were no validation samples to judge it by.</summary>
    [JsonIgnore] public bool IsJudged => Validation is not null || Accuracy is not null;

    /// <summary>What it reached on the validation samples.</summary>
    public MetricValue Reached() => Validation ?? MetricValue.Of(Metric.Accuracy, Accuracy ?? 0);
}
