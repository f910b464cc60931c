using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>data.task: anomaly</c>: what learns from normal samples alone.</summary>
public static partial class BuildSpecRules
{
    /// <summary>
    /// Families that learn from normal samples alone: <c>prototypes</c>, and those whose stages an autoencoder is made of.
    /// </summary>
    public static readonly IReadOnlyList<string> AnomalyFamilies = [Prototypes, "mlp", "conv1d", "cnn"];

    private const string Prototypes = "prototypes";

    private static void JudgeAnomaly(DataSpec spec, Problems problems)
    {
        problems.Require(spec.Anomaly is null || spec.Task is ModelTask.Anomaly, "data.anomaly is for data.task 'anomaly'.");
        if (spec.Task is not ModelTask.Anomaly) return;
        problems.Require(spec.Anomaly?.FalsePositiveRate is null or (> 0 and <= 0.5), FormattableString.Invariant(
            $"data.anomaly.falsePositiveRate {spec.Anomaly?.FalsePositiveRate} must be above 0 and at most 0.5."));
        problems.Require(spec.Anomaly?.Normal is null or { Count: > 0 } && spec.Anomaly?.Normal?.All(name => name.Length > 0) != false,
            "data.anomaly.normal must name at least one label.");
        problems.Require(spec.Kind != "text", "data.task 'anomaly' reads measured values, and data.kind 'text' words.");
        problems.Require(spec.Train is null || spec.Unlabelled is null,
            "data.unlabelled is all normal for data.task 'anomaly', in place of data.train; leave one of them out.");
        problems.Require(spec.Folds is null,
            "data.folds chooses epochs by labels, and data.task 'anomaly' learns without; leave it out.");
        problems.Require(spec.ValidationShare > 0,
            "data.validationShare 0 leaves no normal samples to find the threshold of data.task 'anomaly' on; raise it.");
    }

    private static void JudgeAnomaly(BuildSpec spec, Problems problems)
    {
        problems.Require(spec.Student?.Family != Prototypes || spec.Data?.Task is ModelTask.Anomaly,
            $"student.family '{Prototypes}' is for data.task 'anomaly': it knows no other labels.");
        problems.Require(spec.Teacher?.Family != Prototypes,
            $"teacher.family '{Prototypes}' is for students of data.task 'anomaly', which nobody teaches.");
        if (spec.Data?.Task is not ModelTask.Anomaly) return;
        problems.Require(spec.Teacher is null or { IsNone: true },
            "data.task 'anomaly' learns from normal samples alone, and no teacher of scores is learned from: set teacher to none.");
        if (spec.Student is { } student)
            problems.Require(AnomalyFamilies.Contains(student.Family),
                $"student.family '{student.Family}' does not go with data.task 'anomaly'; it is one of "
                    + $"{string.Join(", ", AnomalyFamilies)}.");
        problems.Require(spec.QuantizationAware is null,
            "quantizationAware is not for data.task 'anomaly': such a student is quantized after training.");
        problems.Require(!spec.Distillation.Training.IsVaried(),
            "distillation.training varies samples (augment, mixup, cutmix, operations, warp), and data.task 'anomaly' learns what they "
                + "look like as they are; leave it out.");
    }
}
