using System.Text.Json;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>data</c>: where samples come from and how they are split.</summary>
public static partial class BuildSpecRules
{
    /// <summary>Data sets the worker reads.</summary>
    public static readonly IReadOnlyList<string> DataKinds = [
        DataSpec.Auto, "vibration", "npz", "npy", "idx", "csv", "series", "text", "folder", "ucr", "arff", "ts",
    ];

    /// <summary>How samples are cut.</summary>
    public static readonly IReadOnlyList<string> DataSplits = ["random", "time"];

    /// <summary>Most folds of a cross-validation, each of which is a training.</summary>
    public const int MaximumFolds = 20;

    /// <summary>Most bands that are made of sound.</summary>
    public const int MaximumMels = 256;

    /// <summary>Tasks that students are trained for.</summary>
    public static readonly IReadOnlyList<ModelTask> TrainedTasks = [
        ModelTask.Classification, ModelTask.MultiLabel, ModelTask.Regression, ModelTask.Detection, ModelTask.Anomaly,
    ];

    private static void JudgeData(DataSpec spec, Problems problems)
    {
        var isOpen = spec.Kind == DataSpec.Auto;
        problems.OneOf("data.task", Word(spec.Task ?? ModelTask.Classification), [.. TrainedTasks.Select(Word)]);
        problems.Require(spec.LabelUnit is null or { Length: > 0 and <= Units.Length },
            $"data.labelUnit '{spec.LabelUnit}' must be 1 to {Units.Length} characters.");
        problems.Require(spec.LabelUnit is null || spec.Task is ModelTask.Regression,
            "data.labelUnit is for data.task 'regression': other labels have no unit.");
        JudgeDetection("data", spec.Task, spec.Detection, problems);
        problems.Require(spec.Task is not ModelTask.Detection || isOpen || spec.Kind == "npz",
            $"data.task 'detection' reads boxes from data.kind 'npz', not from '{spec.Kind}'.");
        problems.OneOf("data.kind", spec.Kind, DataKinds);
        problems.Require(spec.Kind == "vibration" || spec.Learned is { Length: > 0 },
            $"data.train must name a file for data.kind '{spec.Kind}'.");
        JudgeUnlabelled(spec, problems);
        JudgeAnomaly(spec, problems);
        problems.Require(spec.Kind != "vibration" || spec.Samples is >= 60 and <= 1_000_000,
            $"data.samples {spec.Samples} must be within 60..1000000 for generated data.");
        problems.Require(spec.Kind is not ("npy" or "idx") || spec.IsUnlabelled || spec.TrainLabels is { Length: > 0 },
            $"data.trainLabels must name a file for data.kind '{spec.Kind}'.");
        problems.Require(spec.Kind != "csv" || (spec.IsUnlabelled && spec.Test is null)
            || (spec.AllLabelColumns().Count > 0 && spec.AllLabelColumns().All(column => column.Length > 0)),
                "data.labelColumn must name a column for data.kind 'csv'.");
        problems.Require(spec.LabelColumns is null || spec is { Kind: "csv" or DataSpec.Auto, LabelColumn: null },
            "data.labelColumns is for data.kind 'csv', in place of data.labelColumn: numbers to predict, or a column for each class.");
        problems.OneOf("data.split", spec.Split ?? "random", DataSplits);
        problems.Require(spec.Split != "time" || spec is { Series: null, GroupColumn: null },
            "data.split 'time' goes by the order of samples; windows of a series and groups are kept together instead.");
        problems.Require(spec.GroupColumn is null || (spec.GroupColumn.Length > 0 && spec.Kind is "csv" or "text" or DataSpec.Auto),
            "data.groupColumn names a column for data.kind 'csv' and 'text'; an npz file has an array 'groups'.");
        JudgeSeries(spec, problems);
        problems.Require(spec.Table is null || isOpen || spec.Kind == "csv",
            $"data.table is for tables (data.kind 'csv'), not for '{spec.Kind}'.");
        problems.Require(spec.Layout is null || isOpen || spec.Kind is "npz" or "npy" or "idx",
            $"data.layout is for arrays (data.kind 'npz', 'npy' and 'idx'); samples of '{spec.Kind}' have their channels in front.");
        JudgeFolds(spec, problems);
        JudgeFolder(spec, isOpen, problems);
        JudgeFeatures(spec, isOpen, problems);
        problems.Require(spec.Kind == "text" || isOpen || spec.Text is null, $"data.text is for data.kind 'text', not for '{spec.Kind}'.");
        problems.Require(spec.Kind != "text" || spec.SampleShape is null,
            "data.sampleShape is not for data.kind 'text'; data.text.maximumLength sets how much of a text is read.");
        if (spec.Text is { } text)
        {
            problems.Require(text.MaximumLength is >= 1 and <= 512, $"data.text.maximumLength {text.MaximumLength} must be within 1..512.");
            problems.Require(text.VocabularySize is >= 16 and <= 65_536,
                $"data.text.vocabularySize {text.VocabularySize} must be within 16..65536.");
        }
        problems.Require(spec.ValidationShare is >= 0 and <= 0.5, $"data.validationShare {spec.ValidationShare} must be within 0..0.5.");
        problems.Require(spec.TestShare is > 0 and <= 0.5 || spec.Test is not null || spec.Text?.TestSplits is not null,
            $"data.testShare {spec.TestShare} must be above 0 and at most 0.5.");
        problems.Require(spec.SampleShape is null || spec.SampleShape.All(extent => extent > 0),
            "data.sampleShape must hold positive extents.");
    }

    private static void JudgeFolds(DataSpec spec, Problems problems)
    {
        if (spec.Folds is not { } folds) return;
        problems.Require(folds is >= 2 and <= MaximumFolds, $"data.folds {folds} must be within 2..{MaximumFolds}.");
        problems.Require(spec.Split != "time",
            "data.folds cuts at random, and data.split 'time' keeps what is later apart; leave one of them out.");
        problems.Require(spec.Text?.ValidationSplits is null,
            "data.folds chooses epochs without validation samples, and data.text.validationSplits names some; leave one of them out.");
    }

    private static void JudgeUnlabelled(DataSpec spec, Problems problems)
    {
        if (spec.Unlabelled is null) return;
        problems.Require(spec.Unlabelled.Length > 0, "data.unlabelled must name a file or folder.");
        problems.Require(spec.Kind is not ("vibration" or "series"),
            $"data.unlabelled is not for data.kind '{spec.Kind}'; leave it out.");
        problems.Require(spec.Task is not ModelTask.Detection,
            "data.unlabelled is for classes and numbers, and data.task is 'detection'; leave it out.");
        problems.Require(!spec.IsUnlabelled || spec.TrainLabels is null,
            "data.trainLabels are those of data.train, which is not given; name the inputs there, or leave the labels out.");
        problems.Require(!spec.IsUnlabelled || spec.GroupColumn is null,
            "data.groupColumn keeps labelled samples together, and data.train is not given; leave it out.");
    }

    private static void JudgeFolder(DataSpec spec, bool isOpen, Problems problems)
    {
        if (spec.Preprocessing is not { } asked) return;
        problems.Require(isOpen || spec.Kind == "folder",
            $"data.preprocessing is for pictures and sound in files (data.kind 'folder'), not for '{spec.Kind}'.");
        problems.Require(asked.Layout is null, "data.preprocessing.layout is not asked: students take channels, height and width.");
        problems.Require(asked.OfPictures().Count == 0 || asked.OfSound().Count == 0,
            $"data.preprocessing gives {string.Join(", ", asked.OfPictures())} for pictures and {string.Join(", ", asked.OfSound())} for "
                + "sound; samples are one or the other.");
        JudgePreprocessing(asked, "data.preprocessing.", problems);
    }

    private static void JudgeFeatures(DataSpec spec, bool isOpen, Problems problems)
    {
        if (spec.Features is not { } asked) return;
        problems.Require(isOpen || spec.Kind is "folder" or "vibration" or "npz" or "npy" or "ucr" or "arff" or "ts",
            $"data.features is for sound and other signals, not for data.kind '{spec.Kind}'.");
        problems.Require(asked.Kind == FeatureKind.Mfcc || asked.Coefficients is null,
            "data.features.coefficients is for data.features.kind 'mfcc'.");
        problems.Require(
            asked.Kind != FeatureKind.Raw || asked == new FeatureSpec { Kind = FeatureKind.Raw, Coefficients = asked.Coefficients },
            "data.features.kind 'raw' leaves samples as they are: the other keys say nothing.");
        problems.Require(asked.SampleRate is null or (>= 1 and <= MaximumSampleRate),
            $"data.features.sampleRate {asked.SampleRate} must be from 1 to {MaximumSampleRate}.");
        problems.Require(asked.Mels is null or (>= 2 and <= MaximumMels),
            $"data.features.mels {asked.Mels} must be within 2..{MaximumMels}.");
        problems.Require(asked.Coefficients is not { } kept || (kept >= 2 && kept <= (asked.Mels ?? MaximumMels)),
            $"data.features.coefficients {asked.Coefficients} must be at least 2, and at most the mels.");
        foreach (var (key, length) in ((string, double?)[])[
            ("windowMilliseconds", asked.WindowMilliseconds), ("hopMilliseconds", asked.HopMilliseconds),
        ])
            problems.Require(length is null or (> 0 and <= 10_000),
                FormattableString.Invariant($"data.features.{key} {length} must be above 0 and at most 10000."));
        problems.Require(asked.LowestHertz is not { } lowest || (lowest >= 0 && !(asked.HighestHertz <= lowest)),
            FormattableString.Invariant($"data.features.lowestHertz {asked.LowestHertz} must be at least 0 and below highestHertz."));
        problems.Require(asked.HighestHertz is null or (> 0 and <= MaximumSampleRate / 2.0),
            FormattableString.Invariant($"data.features.highestHertz {asked.HighestHertz} must be above 0 and at most ")
                + $"{MaximumSampleRate / 2}.");
    }

    private static void JudgeSeries(DataSpec spec, Problems problems)
    {
        problems.Require((spec.Kind == "series") == (spec.Series is not null) || spec.Kind == DataSpec.Auto,
            "data.series says how a table over time is cut into samples: it is needed for data.kind 'series', and for no other.");
        if (spec.Series is not { } series) return;
        problems.Require(series.Unit is null or { Length: > 0 }, "data.series.unit must name a column.");
        problems.Require(series.Channels is not { Count: 0 },
            "data.series.channels must name at least one column; leave it out for every column that changes.");
        problems.Require(series.Window is >= 1 and <= 65_536, $"data.series.window {series.Window} must be within 1..65536.");
        problems.Require(series.MinimumRows is null || series.MinimumRows >= 1 && series.MinimumRows <= series.Window,
            $"data.series.minimumRows {series.MinimumRows} must be within 1 and data.series.window, {series.Window}.");
        problems.Require(series.Step is >= 1 and <= 65_536, $"data.series.step {series.Step} must be within 1..65536.");
        problems.Require(series.MaximumRemaining is null or >= 1,
            $"data.series.maximumRemaining {series.MaximumRemaining} must be at least 1.");
        problems.Require((series.MaximumRemaining is null) != (spec.LabelColumn is null),
            "data.series needs one of maximumRemaining (labels follow from where a unit ends) and data.labelColumn.");
        problems.Require(series.MaximumRemaining is null || series.Label is null,
            "data.series.label is for windows that are labelled by data.labelColumn.");
        problems.Require(series.LimitTest != true || series.MaximumRemaining is not null,
            "data.series.limitTest holds test labels to data.series.maximumRemaining, which is not given.");
        problems.Require(series.MaximumRemaining is null || series.Unit is not null,
            "data.series.maximumRemaining counts the rows until a unit ends: name the column of units in data.series.unit.");
        problems.Require(series.MaximumRemaining is null || spec.Task is ModelTask.Regression,
            "data.series.maximumRemaining makes numbers to predict: set data.task to 'regression'.");
    }

    private static void JudgeDetection(string section, ModelTask? task, DetectionForm? form, Problems problems)
    {
        if (form is null) return;
        var key = $"{section}.detection";
        problems.Require(task is ModelTask.Detection, $"{key} is for {section}.task 'detection'.");
        problems.Require(form.Boxes.Length > 0 && form.Scores.Length > 0 && form.Labels is not "",
            $"{key} must name the outputs of boxes and scores.");
        problems.Require(form.Background is null or >= 0, $"{key}.background {form.Background} must be a column counted from 0.");
        problems.Require(form.Background is null || form.Labels is null,
            $"{key}.background is a column of the scores; with an output of labels there are no columns.");
        problems.Require(form.MinimumScore is >= 0 and <= 1 && form.ConfidentScore is >= 0 and <= 1,
            $"{key}.minimumScore {form.MinimumScore} and confidentScore {form.ConfidentScore} must be within 0..1.");
        problems.Require(form.MaximumOverlap is null or (> 0 and <= 1),
            $"{key}.maximumOverlap {form.MaximumOverlap} must be above 0 and at most 1.");
        problems.Require(form.MaximumBoxes is >= 1 and <= 1000, $"{key}.maximumBoxes {form.MaximumBoxes} must be within 1..1000.");
    }

    private static string Word(ModelTask task) => JsonNamingPolicy.CamelCase.ConvertName($"{task}");
}
