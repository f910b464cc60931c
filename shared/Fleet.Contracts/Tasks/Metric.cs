using System.Collections.Frozen;

namespace Fleet.Contracts.Tasks;

/// <summary>A named figure of a model: what it is called, its unit, and which direction is better.</summary>
/// <remarks>
/// Every metric of the protocol is defined here once. On the wire a metric carries its unit and direction, so that a reader
/// who does not know the name can still show it and judge it.
/// </remarks>
/// <param name="Name">Name on the wire and in specs.</param>
/// <param name="Title">Name as a sentence begins with it.</param>
/// <param name="Unit">One of <see cref="Units"/>.</param>
/// <param name="Better">The good end.</param>
public sealed record Metric(string Name, string Title, string Unit, MetricDirection Better)
{
    /// <summary>Share of samples whose largest class score is at their label: right / samples.</summary>
    public static readonly Metric Accuracy = new("accuracy", "Accuracy", Units.Ratio, MetricDirection.Higher);

    /// <summary>
    /// Mean over classes, or over labels where a sample has several, of 2 TP / (2 TP + FP + FN): each counts the same, however rare it is.
    /// They are those that occur among labels or decisions (scikit-learn, <c>f1_score(average="macro")</c>).
    /// </summary>
    public static readonly Metric MacroF1 = new("macroF1", "Macro F1", Units.Ratio, MetricDirection.Higher);

    /// <summary>
    /// 2 TP / (2 TP + FP + FN) over all labels of all samples, where a sample has several (scikit-learn, <c>f1_score(average="micro")</c>).
    /// </summary>
    public static readonly Metric MicroF1 = new("microF1", "Micro F1", Units.Ratio, MetricDirection.Higher);

    /// <summary>
    /// Area below the receiver operating characteristic: the share of pairs of an anomaly and a normal sample in which the anomaly has the
    /// higher score, equal scores by half.
    /// </summary>
    public static readonly Metric RocAuc = new("rocAuc", "ROC-AUC", Units.Ratio, MetricDirection.Higher);

    /// <summary>
    /// Area below precision over recall as the threshold falls, in steps (scikit-learn, <c>average_precision_score</c>).
    /// </summary>
    public static readonly Metric AveragePrecision = new("averagePrecision", "Average precision", Units.Ratio, MetricDirection.Higher);

    /// <summary>2 TP / (2 TP + FP + FN) of anomalies at the threshold.</summary>
    public static readonly Metric F1 = new("f1", "F1", Units.Ratio, MetricDirection.Higher);

    /// <summary>Share of the samples above the threshold that are anomalies.</summary>
    public static readonly Metric Precision = new("precision", "Precision", Units.Ratio, MetricDirection.Higher);

    /// <summary>Share of the anomalies that are above the threshold.</summary>
    public static readonly Metric Recall = new("recall", "Recall", Units.Ratio, MetricDirection.Higher);

    /// <summary>Share of the normal samples that are above the threshold.</summary>
    public static readonly Metric FalsePositiveRate = new("falsePositiveRate", "False positive rate", Units.Ratio, MetricDirection.Lower);

    /// <summary>Mean score of normal samples: what an epoch of a training on them alone is chosen by. No device measures it.</summary>
    public static readonly Metric MeanScore = new("meanScore", "Mean score", Units.OfLabels, MetricDirection.Lower);

    /// <summary>Mean absolute error: the mean of |value - label| over samples and columns.</summary>
    public static readonly Metric MeanAbsoluteError = new("mae", "MAE", Units.OfLabels, MetricDirection.Lower);

    /// <summary>Root mean square error: the root of the mean of (value - label)² over samples and columns.</summary>
    public static readonly Metric RootMeanSquareError = new("rmse", "RMSE", Units.OfLabels, MetricDirection.Lower);

    /// <summary>
    /// Mean average precision of boxes that overlap theirs by half (COCO AP at IoU 0.50, 101 recall points, 100 boxes a class and picture).
    /// </summary>
    public static readonly Metric Map50 = new("map50", "mAP 50", Units.Ratio, MetricDirection.Higher);

    /// <summary>The mean of the same over overlaps 0.50, 0.55, … 0.95 (COCO AP).</summary>
    public static readonly Metric Map50To95 = new("map50To95", "mAP 50:95", Units.Ratio, MetricDirection.Higher);

    /// <summary>The mAP 50:95 that a variant's boxes reach when the float model's confident boxes stand for the labels.</summary>
    public static readonly Metric BoxAgreement = new("boxAgreement", "Box agreement", Units.Ratio, MetricDirection.Higher);

    /// <summary>The same at an overlap of one half: which boxes are there, however exactly they lie.</summary>
    public static readonly Metric BoxAgreement50 = new("boxAgreement50", "Box agreement 50", Units.Ratio, MetricDirection.Higher);

    /// <summary>
    /// Mean share of the ten samples nearest to each sample, by the cosine of the float model's vectors, that are among the variant's ten
    /// nearest.
    /// </summary>
    public static readonly Metric RecallAt10 = new("recallAt10", "Recall at 10", Units.Ratio, MetricDirection.Higher);

    /// <summary>
    /// Share of rows of the first output whose largest value is where the float model's is; where a sample has several labels, share of
    /// labels that are given as by the float model; of scores of anomalies, share of samples that are on the same side of the threshold.
    /// </summary>
    public static readonly Metric Agreement = new("agreement", "Agreement", Units.Ratio, MetricDirection.Higher);

    /// <summary>Cosine of the angle between all float outputs and the float model's.</summary>
    public static readonly Metric Cosine = new("cosine", "Cosine", Units.Ratio, MetricDirection.Higher);

    /// <summary>10 log10 of the power of the float model's outputs over that of the difference; 200 for equal outputs.</summary>
    public static readonly Metric SignalToNoise = new("signalToNoise", "Signal to noise", Units.Decibels, MetricDirection.Higher);

    /// <summary>Median time of one inference.</summary>
    public static readonly Metric LatencyP50 = new("latencyP50", "Latency p50", Units.Milliseconds, MetricDirection.Lower);

    /// <summary>95th percentile of the time of one inference.</summary>
    public static readonly Metric LatencyP95 = new("latencyP95", "Latency p95", Units.Milliseconds, MetricDirection.Lower);

    /// <summary>99th percentile of the time of one inference.</summary>
    public static readonly Metric LatencyP99 = new("latencyP99", "Latency p99", Units.Milliseconds, MetricDirection.Lower);

    /// <summary>Peak of the resident memory of the process that ran it.</summary>
    public static readonly Metric PeakMemory = new("peakMemory", "Peak memory", Units.Bytes, MetricDirection.Lower);

    /// <summary>
    /// Energy of one inference: what the whole processor package drew while it ran one after another, idle power included.
    /// </summary>
    public static readonly Metric Energy = new("energy", "Energy", Units.Joules, MetricDirection.Lower);

    /// <summary>Every metric there is, by name.</summary>
    public static FrozenDictionary<string, Metric> All { get; } = new[]
    {
        Accuracy, MacroF1, MicroF1, RocAuc, AveragePrecision, F1, Precision, Recall, FalsePositiveRate, MeanScore, MeanAbsoluteError,
        RootMeanSquareError, Map50, Map50To95, BoxAgreement, BoxAgreement50, RecallAt10, Agreement, Cosine, SignalToNoise,
        LatencyP50, LatencyP95, LatencyP99, PeakMemory, Energy,
    }.ToFrozenDictionary(metric => metric.Name);

    /// <summary>True for what running a model costs, time, memory and energy; the other metrics say how good it is.</summary>
    public static bool IsCost(string name)
        => name == LatencyP50.Name || name == LatencyP95.Name || name == LatencyP99.Name || name == PeakMemory.Name || name == Energy.Name;

    /// <summary>The title of a metric; one that is not known is called by its name.</summary>
    public static string TitleOf(string name) => All.GetValueOrDefault(name)?.Title ?? name;
}
