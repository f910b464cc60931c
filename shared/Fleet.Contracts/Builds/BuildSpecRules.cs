using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Builds;

/// <summary>What a build spec must hold to, judged before anything is queued. What needs the data itself is judged by the worker.</summary>
public static class BuildSpecRules
{
    /// <summary>Data sets the worker reads.</summary>
    public static readonly IReadOnlyList<string> DataKinds = ["vibration", "npz", "npy", "idx", "csv"];

    /// <summary>Families of teachers and students.</summary>
    public static readonly IReadOnlyList<string> Families = ["conv1d", "cnn"];

    /// <summary>Calibrators by name.</summary>
    public static readonly IReadOnlyList<string> Calibrators = ["minmax", "percentile", "mse", "entropy"];

    /// <summary>Every rule <paramref name="spec"/> breaks, with the key, the value and what is allowed.</summary>
    public static IReadOnlyList<string> ProblemsOf(BuildSpec spec)
    {
        var problems = new List<string>();
        void Require(bool holds, string problem) { if (!holds) problems.Add(problem); }
        void OneOf(string key, string value, IReadOnlyList<string> known)
            => Require(known.Contains(value), $"{key} '{value}' is not known; it is one of {string.Join(", ", known)}.");
        void Training(string key, TrainingSpec training)
        {
            Require(training.Epochs is >= 1 and <= 10_000, $"{key}.epochs {training.Epochs} must be within 1..10000.");
            Require(training.BatchSize is >= 2 and <= 65_536, $"{key}.batchSize {training.BatchSize} must be within 2..65536.");
            Require(training.LearningRate is > 0 and <= 10, $"{key}.learningRate {training.LearningRate} must be above 0 and at most 10.");
            Require(training.WeightDecay is >= 0 and < 1, $"{key}.weightDecay {training.WeightDecay} must be within 0..1.");
        }

        Require(Names.IsName(spec.Model), $"model '{spec.Model}' must be {Names.Rule}.");
        OneOf("data.kind", spec.Data.Kind, DataKinds);
        Require(spec.Data.Kind == "vibration" || spec.Data.Train is { Length: > 0 }, $"data.train must name a file for data.kind '{spec.Data.Kind}'.");
        Require(spec.Data.Kind != "vibration" || spec.Data.Samples is >= 60 and <= 1_000_000, $"data.samples {spec.Data.Samples} must be within 60..1000000 for generated data.");
        Require(spec.Data.Kind is not ("npy" or "idx") || spec.Data.TrainLabels is { Length: > 0 }, $"data.trainLabels must name a file for data.kind '{spec.Data.Kind}'.");
        Require(spec.Data.Kind != "csv" || spec.Data.LabelColumn is { Length: > 0 }, "data.labelColumn must name a column for data.kind 'csv'.");
        Require(spec.Data.ValidationShare is >= 0 and <= 0.5, $"data.validationShare {spec.Data.ValidationShare} must be within 0..0.5.");
        Require(spec.Data.TestShare is > 0 and <= 0.5 || spec.Data.Test is not null, $"data.testShare {spec.Data.TestShare} must be above 0 and at most 0.5.");
        Require(spec.Data.SampleShape is null || spec.Data.SampleShape.All(extent => extent > 0), "data.sampleShape must hold positive extents.");

        Require(spec.Teacher.Onnx is null != spec.Teacher.Family is null, "teacher needs either family (to train one here) or onnx (a file), and not both.");
        if (spec.Teacher.Family is { } family) OneOf("teacher.family", family, Families);
        Require(spec.Teacher.Width is >= 4 and <= 1024, $"teacher.width {spec.Teacher.Width} must be within 4..1024.");
        Training("teacher.training", spec.Teacher.Training);

        OneOf("student.family", spec.Student.Family, Families);
        Require(spec.Student.Width is >= 4 and <= 1024, $"student.width {spec.Student.Width} must be within 4..1024.");

        Require(spec.Distillation.Temperature is > 0 and <= 100, $"distillation.temperature {spec.Distillation.Temperature} must be above 0 and at most 100.");
        Require(spec.Distillation.Alpha is >= 0 and <= 1, $"distillation.alpha {spec.Distillation.Alpha} must be within 0..1.");
        Require(spec.Distillation.FineTuneEpochs is >= 0 and <= 1000, $"distillation.fineTuneEpochs {spec.Distillation.FineTuneEpochs} must be within 0..1000.");
        Training("distillation.training", spec.Distillation.Training);

        Require(spec.Quantization.Profiles.Count > 0, "quantization.profiles must name at least one profile.");
        foreach (var profile in spec.Quantization.Profiles)
            OneOf("quantization.profiles", profile, [.. BuiltInProfiles.All.Select(builtIn => builtIn.Name)]);
        OneOf("quantization.calibrator", spec.Quantization.Calibrator, Calibrators);
        Require(spec.Quantization.CalibrationSamples is >= 8 and <= 1_000_000, $"quantization.calibrationSamples {spec.Quantization.CalibrationSamples} must be within 8..1000000.");
        Require(spec.Quantization.MaximumDrop is >= 0 and <= 1, $"quantization.maximumDrop {spec.Quantization.MaximumDrop} must be within 0..1.");

        Require(spec.Gate.AccuracyTolerance is >= 0 and <= 1, $"gate.accuracyTolerance {spec.Gate.AccuracyTolerance} must be within 0..1.");
        Require(spec.Gate.ValidationSamples is >= 1 and <= 100_000, $"gate.validationSamples {spec.Gate.ValidationSamples} must be within 1..100000.");
        return problems;
    }
}
