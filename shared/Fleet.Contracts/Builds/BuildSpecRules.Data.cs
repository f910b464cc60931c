namespace Fleet.Contracts.Builds;

public static partial class BuildSpecRules
{
    /// <summary>Data sets the worker reads.</summary>
    public static readonly IReadOnlyList<string> DataKinds = ["vibration", "npz", "npy", "idx", "csv", "text"];

    private static void JudgeData(DataSpec spec, Problems problems)
    {
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
}
