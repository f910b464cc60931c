using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Tests;

/// <summary>The rows on who teaches, and on samples that only a teacher knows something of.</summary>
public sealed partial class BuildSpecRulesTests
{
    private static readonly Dictionary<string, (Func<BuildSpec, BuildSpec> Break, string Says)> TeacherRows = new()
    {
        ["no teacher, and losses against it"] = (
            spec => spec with
            {
                Teacher = new TeacherSpec { Family = TeacherSpec.None },
                Distillation = new DistillationSpec { Losses = [new LossSpec { Loss = "logit" }] },
            }, "distillation.losses needs a teacher, and teacher is none"),
        ["no teacher, and a gate below it"] = (
            spec => spec with
            {
                Teacher = new TeacherSpec { Family = TeacherSpec.None },
                Gate = new GateSpec { BelowTeacher = 0.1 },
            }, "gate.belowTeacher needs a teacher, and teacher is none"),
        ["no teacher to go through a grid with"] = (
            spec => spec with
            {
                Teacher = new TeacherSpec { Family = TeacherSpec.None },
                QuantizationAware = new QuantizationAwareSpec { Method = "qkd" },
            }, "quantizationAware.method qkd needs a teacher, and teacher is none"),
        ["manners of a teacher that is trained"] = (
            spec => spec with { Teacher = spec.Teacher! with { Classes = ["a", "b"] } },
            "teacher.classes is for a teacher that is given"),
        ["answers of no kind"] = (spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Answers = "words" } },
            "teacher.answers 'words' is not known; it is one of logits, probabilities"),
        ["a class twice"] = (spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Classes = ["a", "a"] } },
            "teacher.classes must name at least two classes, each once"),
        ["an empty ensemble"] = (spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Ensemble = [] } },
            "teacher.ensemble must name 1 to 15 files"),
        ["nobody in a teacher"] = (spec => spec with { Teacher = spec.Teacher! with { Members = 0 } },
            "teacher.members 0 must be within 1..16"),
        ["members of a file"] = (spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Members = 2 } },
            "teacher.members is for a teacher that is trained here"),
        ["a mean of boxes"] = (spec => Boxes(spec) with { Teacher = Boxes(spec).Teacher! with { Members = 2 } },
            "teacher.members 2: of several only the mean of their answers is known"),
        ["an assistant of nobody"] = (spec => spec with { Teacher = new TeacherSpec { Family = TeacherSpec.None, Assistant = 24 } },
            "teacher.assistant needs a teacher, and teacher is none"),
        ["an assistant without width"] = (spec => spec with { Teacher = spec.Teacher! with { Assistant = -1 } },
            "teacher.assistant -1 must be a width within 4..1024 or 'auto'"),
        ["generations of nobody"] = (
            spec => spec with
            {
                Teacher = new TeacherSpec { Family = TeacherSpec.None },
                Distillation = spec.Distillation with { Generations = 2 },
            }, "distillation.generations needs a teacher, and teacher is none"),
        ["generations without end"] = (
            spec => spec with { Distillation = spec.Distillation with { Generations = 9 } },
            "distillation.generations 9 must be within 1..8"),
        ["generations of boxes"] = (
            spec => Boxes(spec) with { Distillation = Boxes(spec).Distillation with { Generations = 2 } },
            "distillation.generations: a student teaches by its answers alone"),
        ["values made nothing"] = (
            spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Input = new TeacherInput { Scale = 0 } } },
            "teacher.input.scale 0 must be a number other than 0"),
        ["a deviation of nothing"] = (
            spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Input = new TeacherInput { Deviation = [0] } } },
            "teacher.input.deviation must be one number above 0"),
        ["a mean of nothing"] = (
            spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Input = new TeacherInput { Mean = [] } } },
            "teacher.input.mean must be one number"),
        ["a shape without extent"] = (
            spec => spec with { Teacher = new TeacherSpec { Onnx = "t.onnx", Input = new TeacherInput { Shape = [0] } } },
            "teacher.input.shape must hold positive extents"),
        ["more rows than a window has"] = (
            spec => Data(spec, data => data with
            {
                Kind = "series",
                Train = "x",
                LabelColumn = "y",
                Series = new SeriesSpec { Window = 30, MinimumRows = 31 },
            }), "data.series.minimumRows 31 must be within 1 and data.series.window, 30"),
        ["a limit that is not there"] = (
            spec => Data(spec, data => data with
            {
                Kind = "series",
                Train = "x",
                LabelColumn = "y",
                Series = new SeriesSpec { LimitTest = true },
            }), "data.series.limitTest holds test labels to data.series.maximumRemaining"),
        ["unlabelled boxes"] = (spec => Data(Boxes(spec), data => data with { Unlabelled = "y.npz" }),
            "data.unlabelled is for classes and numbers, and data.task is 'detection'"),
        ["unlabelled alone, and a teacher to train"] = (
            spec => Data(spec, data => data with { Kind = "npz", Train = null, Unlabelled = "y.npz" }),
            "data.train is not given, and without labels there is nothing to train a teacher on"),
        ["unlabelled vibration"] = (spec => Data(spec, data => data with { Unlabelled = "y.npz" }),
            "data.unlabelled is not for data.kind 'vibration'"),
    };
}
