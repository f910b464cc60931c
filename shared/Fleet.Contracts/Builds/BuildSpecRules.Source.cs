using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>source</c>: a person's own model in place of teacher and student.</summary>
public static partial class BuildSpecRules
{
    private static void JudgeSource(BuildSpec spec, Problems problems)
    {
        if (spec.Source is not { } source)
        {
            foreach (var (key, section) in new (string, object?)[]
            {
                ("data", spec.Data), ("teacher", spec.Teacher), ("student", spec.Student),
            })
                problems.Require(section is not null,
                    $"{key} is missing: a spec has data, teacher and student, or source for a model of one's own.");
            return;
        }
        foreach (var (key, section) in new (string, object?)[]
        {
            ("data", spec.Data), ("teacher", spec.Teacher), ("student", spec.Student),
        })
            problems.Require(section is null, $"{key} has no meaning beside source: a model of one's own is quantized as it is.");
        problems.Require(source.LabelUnit is null or { Length: > 0 and <= Units.Length },
            $"source.labelUnit '{source.LabelUnit}' must be 1 to {Units.Length} characters.");
        problems.Require(source.LabelUnit is null || source.Task is ModelTask.Regression,
            "source.labelUnit is for source.task 'regression': other labels have no unit.");
        JudgeDetection("source", source.Task, source.Detection, problems);
        problems.Require(source.Onnx.Length > 0, "source.onnx must name a file.");
        problems.Require(source.Calibration is not "",
            "source.calibration must name a file or be 'synthetic'; leave it out when there is none.");
        problems.Require(source.Validation.Length > 0, "source.validation must name a file or be 'synthetic'.");
        problems.Require(source.Classes is not { Count: 0 }, "source.classes must name at least one class; leave it out for none.");
        problems.Require(source.Shapes is null || source.HasMadeUpSamples, "source.shapes has no meaning without made-up samples.");
        if (source.Preprocessing is { } preprocessing) JudgePreprocessing(preprocessing, "source.preprocessing.", problems);
        problems.Require(source.ValidationLabels is null || source.Validation != SampleSource.Synthetic,
            "source.validationLabels has no meaning beside made-up samples.");
    }
}
