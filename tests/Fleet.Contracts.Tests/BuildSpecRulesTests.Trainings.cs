using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Tests;

/// <summary>The rows on how samples are cut, how classes are weighed and how long a training is.</summary>
public sealed partial class BuildSpecRulesTests
{
    private static readonly Dictionary<string, (Func<BuildSpec, BuildSpec> Break, string Says)> TrainingRows = new()
    {
        ["patience without samples to wait by"] = (
            spec => Data(Teaching(spec, training => training with { Patience = 2 }), data => data with { ValidationShare = 0 }),
            "training.patience waits for a better epoch"),
        ["one fold"] = (spec => Data(spec, data => data with { Folds = 1 }), "data.folds 1 must be within 2..20."),
        ["folds through time"] = (spec => Data(spec, data => data with { Folds = 5, Split = "time" }), "data.folds cuts at random"),
        ["patience with folds"] = (
            spec => Data(Teaching(spec, training => training with { Patience = 2 }), data => data with { Folds = 5 }),
            "teacher.training.patience waits for validation samples"),
        ["folds and where to stop"] = (
            spec => Data(Teaching(spec, training => training with { Epochs = 20, StopAfter = 7 }), data => data with { Folds = 5 }),
            "teacher.training.stopAfter is found by data.folds"),
        ["stop after the end"] = (
            spec => Teaching(spec, training => training with { Epochs = 20, StopAfter = 21 }), "teacher.training.stopAfter 21 must be"),
        ["focus on nothing"] = (spec => Teaching(spec, training => training with { Focal = 0 }), "teacher.training.focal 0 must be"),
        ["focus without classes"] = (spec => Teaching(Regression(spec), training => training with { Focal = 2 }),
            "teacher.training.focal is a loss of classes"),
        ["focus on smooth labels"] = (spec => Teaching(spec, training => training with { Focal = 2, LabelSmoothing = 0.1 }),
            "teacher.training.focal counts what is sure less"),
        ["sampling of no kind"] = (spec => Teaching(spec, training => training with { Sampling = "rare" }),
            "teacher.training.sampling 'rare' is not known; it is one of random, balanced"),
        ["balanced twice"] = (
            spec => Teaching(spec, training => training with { Sampling = "balanced", ClassWeights = "balanced" }),
            "teacher.training.sampling and teacher.training.classWeights are both"),
        ["sampling without classes"] = (spec => Teaching(Regression(spec), training => training with { Sampling = "balanced" }),
            "teacher.training.sampling draws classes alike"),
        ["classes where samples have several labels"] = (
            spec => Data(Teaching(spec, training => training with { ClassWeights = "balanced" }),
                data => data with { Task = ModelTask.MultiLabel }),
            "teacher.training.classWeights weighs classes, and data.task is 'multiLabel'"),
        ["loss of one class where samples have several"] = (
            spec => Data(spec, data => data with { Task = ModelTask.MultiLabel }) with
            {
                Distillation = new DistillationSpec { Losses = [new LossSpec { Loss = "dkd" }] },
            }, "loss 'dkd' needs classes, and data.task is 'multiLabel'; use one of attention, feature, logit"),
        ["grid of a recurrent student"] = (
            spec => spec with
            {
                Student = spec.Student! with { Family = "gru" },
                QuantizationAware = new QuantizationAwareSpec { Method = "qat" },
            }, "quantizationAware knows no recurrent layers, which static int8 leaves float"),
        ["grid of kernels over words"] = (
            spec => Text(spec, new TextSpec()) with
            {
                Student = spec.Student! with { Family = "text-cnn" },
                QuantizationAware = new QuantizationAwareSpec { Method = "qat" },
            }, "quantizationAware does not compute 'text-cnn' as its file does"),
        ["grid where samples have several labels"] = (
            spec => Data(spec, data => data with { Task = ModelTask.MultiLabel }) with
            {
                QuantizationAware = new QuantizationAwareSpec { Method = "qkd" },
            }, "quantizationAware is not for data.task 'multiLabel'"),
        ["normal where nothing is sought"] = (spec => Data(spec, data => data with { Anomaly = new AnomalySpec() }),
            "data.anomaly is for data.task 'anomaly'."),
        ["anomalies and a teacher"] = (spec => Seeking(spec) with { Teacher = spec.Teacher },
            "data.task 'anomaly' learns from normal samples alone, and no teacher of scores"),
        ["anomalies by a family that rebuilds nothing"] = (
            spec => Seeking(spec) with { Student = new StudentSpec { Family = "tcn" } },
            "student.family 'tcn' does not go with data.task 'anomaly'; it is one of prototypes, mlp, conv1d, cnn."),
        ["classes by prototypes"] = (spec => spec with { Student = new StudentSpec { Family = "prototypes" } },
            "student.family 'prototypes' is for data.task 'anomaly'"),
        ["every normal sample an anomaly"] = (
            spec => Data(Seeking(spec), data => data with { Anomaly = new AnomalySpec { FalsePositiveRate = 1 } }),
            "data.anomaly.falsePositiveRate 1 must be above 0 and at most 0.5."),
        ["nothing normal"] = (spec => Data(Seeking(spec), data => data with { Anomaly = new AnomalySpec { Normal = [] } }),
            "data.anomaly.normal must name at least one label."),
        ["anomalies in folds"] = (spec => Data(Seeking(spec), data => data with { Folds = 5 }), "data.folds chooses epochs by labels"),
        ["no samples for a threshold"] = (spec => Data(Seeking(spec), data => data with { ValidationShare = 0 }),
            "data.validationShare 0 leaves no normal samples to find the threshold"),
        ["normal samples twice"] = (
            spec => Data(Seeking(spec), data => data with { Kind = "npz", Train = "a.npz", Unlabelled = "b.npz" }),
            "data.unlabelled is all normal for data.task 'anomaly'"),
        ["anomalies on a grid"] = (spec => Seeking(spec) with { QuantizationAware = new QuantizationAwareSpec { Method = "qat" } },
            "quantizationAware is not for data.task 'anomaly'"),
        ["anomalies of varied samples"] = (
            spec => Seeking(spec) with { Distillation = new DistillationSpec { Training = new TrainingSpec { Augment = true } } },
            "distillation.training varies samples (augment, mixup, cutmix, operations, warp)"),
        ["cut of another kind"] = (spec => Data(spec, data => data with { Split = "space" }), "data.split 'space' is not known"),
        ["cut in time through groups"] = (
            spec => Data(spec, data => data with
            {
                Kind = "csv",
                Train = "x.csv",
                LabelColumn = "y",
                Split = "time",
                GroupColumn = "unit",
            }),
            "data.split 'time' goes by the order of samples"),
        ["group column of arrays"] = (spec => Data(spec, data => data with { Kind = "npz", Train = "x.npz", GroupColumn = "unit" }),
            "data.groupColumn names a column for data.kind 'csv'"),
        ["weights of classes of another kind"] = (spec => Teaching(spec, training => training with { ClassWeights = "rare" }),
            "teacher.training.classWeights 'rare' is not known"),
        ["weights of classes where there are none"] = (
            spec => Teaching(Regression(spec), training => training with { ClassWeights = "balanced" }),
            "teacher.training.classWeights weighs classes"),
    };
}
