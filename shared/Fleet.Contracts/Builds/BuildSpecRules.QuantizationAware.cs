using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>quantizationAware</c>: training in the integers of a scheme.</summary>
public static partial class BuildSpecRules
{
    /// <summary>Ways of training on a grid.</summary>
    public static readonly IReadOnlyList<string> QuantizationAwareMethods = ["qat", "qat-distillation", "qkd"];

    private static void JudgeQuantizationAware(QuantizationAwareSpec spec, BuildSpec build, Problems problems)
    {
        problems.Require(build.Student is not null, "quantizationAware trains a student, and this spec has none.");
        problems.Require(build.Data?.Task is not ModelTask.Detection,
            "quantizationAware is not for data.task 'detection': the grid of a detector is found after training.");
        problems.Require(build.Data?.Task is not ModelTask.MultiLabel,
            "quantizationAware is not for data.task 'multiLabel': such a student is quantized after training.");
        problems.Require(build.Student?.Family != "gru" && (spec.Method != "qkd" || build.Teacher?.Family != "gru"),
            "quantizationAware knows no recurrent layers, which static int8 leaves float: name another family than 'gru'.");
        problems.Require(build.Student?.Family != "text-cnn" && (spec.Method != "qkd" || build.Teacher?.Family != "text-cnn"),
            "quantizationAware does not compute 'text-cnn' as its file does: name the family 'encoder', or leave it out; such a student is "
                + "quantized after training.");
        problems.OneOf("quantizationAware.method", spec.Method, QuantizationAwareMethods);
        problems.Require(
            spec.Method == "qat" || build.Data?.Task is null or ModelTask.Classification or ModelTask.MultiLabel,
            $"quantizationAware.method '{spec.Method}' compares logits of classes, and data.task is "
                + $"'{Word(build.Data?.Task ?? ModelTask.Classification)}'; use 'qat'.");
        JudgeBits("weightBits", spec.WeightBits);
        JudgeBits("activationBits", spec.ActivationBits);
        JudgeBits("endBits", spec.EndBits);
        problems.Require(spec.Epochs is >= 1 and <= 10_000, $"quantizationAware.epochs {spec.Epochs} must be within 1..10000.");
        JudgePhase("selfStudying", spec.Phases.SelfStudying);
        JudgePhase("coStudying", spec.Phases.CoStudying);
        JudgePhase("tutoring", spec.Phases.Tutoring);
        problems.Require(spec.Phases is not { SelfStudying: 0, CoStudying: 0, Tutoring: 0 },
            "quantizationAware.phases must have at least one epoch in one phase.");
        problems.Require(spec.LearningRate is > 0 and <= 10,
            $"quantizationAware.learningRate {spec.LearningRate} must be above 0 and at most 10.");

        void JudgeBits(string key, int bits)
            => problems.Require(bits is >= 2 and <= 8, $"quantizationAware.{key} {bits} must be within 2..8.");
        void JudgePhase(string key, int epochs)
            => problems.Require(epochs is >= 0 and <= 10_000, $"quantizationAware.phases.{key} {epochs} must be within 0..10000.");
    }
}
