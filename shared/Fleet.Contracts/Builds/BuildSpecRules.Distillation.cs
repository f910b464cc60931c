namespace Fleet.Contracts.Builds;

public static partial class BuildSpecRules
{
    private static void JudgeDistillation(DistillationSpec spec, Problems problems)
    {
        problems.Require(spec.Temperature is > 0 and <= 100, $"distillation.temperature {spec.Temperature} must be above 0 and at most 100.");
        problems.Require(spec.Alpha is >= 0 and <= 1, $"distillation.alpha {spec.Alpha} must be within 0..1.");
        problems.Require(spec.FineTuneEpochs is >= 0 and <= 1000, $"distillation.fineTuneEpochs {spec.FineTuneEpochs} must be within 0..1000.");
        JudgeTraining("distillation.training", spec.Training, problems);
    }

    private static void JudgeTraining(string key, TrainingSpec training, Problems problems)
    {
        problems.Require(training.Epochs is >= 1 and <= 10_000, $"{key}.epochs {training.Epochs} must be within 1..10000.");
        problems.Require(training.BatchSize is >= 2 and <= 65_536, $"{key}.batchSize {training.BatchSize} must be within 2..65536.");
        problems.Require(training.LearningRate is > 0 and <= 10, $"{key}.learningRate {training.LearningRate} must be above 0 and at most 10.");
        problems.Require(training.WeightDecay is >= 0 and < 1, $"{key}.weightDecay {training.WeightDecay} must be within 0..1.");
    }
}
