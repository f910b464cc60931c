using System.Text.Json;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

public static partial class BuildSpecRules
{
    /// <summary>Data sets the worker reads.</summary>
    public static readonly IReadOnlyList<string> DataKinds = ["vibration", "npz", "npy", "idx", "csv", "text"];

    /// <summary>Tasks that students are trained for.</summary>
    public static readonly IReadOnlyList<ModelTask> TrainedTasks = [ModelTask.Classification];

    private static void JudgeData(DataSpec spec, Problems problems)
    {
        problems.OneOf("data.task", Word(spec.Task ?? ModelTask.Classification), [.. TrainedTasks.Select(Word)]);
        problems.Require(spec.LabelUnit is null or { Length: > 0 and <= Units.Length }, $"data.labelUnit '{spec.LabelUnit}' must be 1 to {Units.Length} characters.");
        problems.Require(spec.LabelUnit is null || spec.Task is ModelTask.Regression, "data.labelUnit is for data.task 'regression': other labels have no unit.");
        JudgeDetection("data", spec.Task, spec.Detection, problems);
        problems.OneOf("data.kind", spec.Kind, DataKinds);
        problems.Require(spec.Kind == "vibration" || spec.Train is { Length: > 0 }, $"data.train must name a file for data.kind '{spec.Kind}'.");
        problems.Require(spec.Kind != "vibration" || spec.Samples is >= 60 and <= 1_000_000, $"data.samples {spec.Samples} must be within 60..1000000 for generated data.");
        problems.Require(spec.Kind is not ("npy" or "idx") || spec.TrainLabels is { Length: > 0 }, $"data.trainLabels must name a file for data.kind '{spec.Kind}'.");
        problems.Require(spec.Kind != "csv" || spec.LabelColumn is { Length: > 0 }, "data.labelColumn must name a column for data.kind 'csv'.");
        problems.Require(spec.Kind == "text" || spec.Text is null, $"data.text is for data.kind 'text', not for '{spec.Kind}'.");
        problems.Require(spec.Kind != "text" || spec.SampleShape is null, "data.sampleShape is not for data.kind 'text'; data.text.maximumLength sets how much of a text is read.");
        if (spec.Text is { } text)
        {
            problems.Require(text.MaximumLength is >= 1 and <= 512, $"data.text.maximumLength {text.MaximumLength} must be within 1..512.");
            problems.Require(text.VocabularySize is >= 16 and <= 65_536, $"data.text.vocabularySize {text.VocabularySize} must be within 16..65536.");
        }
        problems.Require(spec.ValidationShare is >= 0 and <= 0.5, $"data.validationShare {spec.ValidationShare} must be within 0..0.5.");
        problems.Require(spec.TestShare is > 0 and <= 0.5 || spec.Test is not null || spec.Text?.TestSplits is not null, $"data.testShare {spec.TestShare} must be above 0 and at most 0.5.");
        problems.Require(spec.SampleShape is null || spec.SampleShape.All(extent => extent > 0), "data.sampleShape must hold positive extents.");
    }

    private static void JudgeDetection(string section, ModelTask? task, DetectionForm? form, Problems problems)
    {
        if (form is null) return;
        var key = $"{section}.detection";
        problems.Require(task is ModelTask.Detection, $"{key} is for {section}.task 'detection'.");
        problems.Require(form.Boxes.Length > 0 && form.Scores.Length > 0 && form.Labels is not "", $"{key} must name the outputs of boxes and scores.");
        problems.Require(form.Background is null or >= 0, $"{key}.background {form.Background} must be a column counted from 0.");
        problems.Require(form.Background is null || form.Labels is null, $"{key}.background is a column of the scores; with an output of labels there are no columns.");
        problems.Require(form.MinimumScore is >= 0 and <= 1 && form.ConfidentScore is >= 0 and <= 1, $"{key}.minimumScore {form.MinimumScore} and confidentScore {form.ConfidentScore} must be within 0..1.");
        problems.Require(form.MaximumOverlap is null or (> 0 and <= 1), $"{key}.maximumOverlap {form.MaximumOverlap} must be above 0 and at most 1.");
        problems.Require(form.MaximumBoxes is >= 1 and <= 1000, $"{key}.maximumBoxes {form.MaximumBoxes} must be within 1..1000.");
    }

    private static string Word(ModelTask task) => JsonNamingPolicy.CamelCase.ConvertName($"{task}");
}
