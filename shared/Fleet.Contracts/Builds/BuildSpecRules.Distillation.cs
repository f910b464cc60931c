using System.Collections.Frozen;
using System.Globalization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>The rules of <c>distillation</c>: the losses, their weights and the features they compare.</summary>
public static partial class BuildSpecRules
{
    /// <summary>How classes are weighed against each other.</summary>
    public static readonly IReadOnlyList<string> ClassWeightings = ["none", "balanced"];

    /// <summary>How samples are drawn.</summary>
    public static readonly IReadOnlyList<string> Samplings = ["random", "balanced"];

    /// <summary>Most losses in one sum.</summary>
    public const int MaximumLosses = 16;

    /// <summary>Most pairs of features for one loss.</summary>
    public const int MaximumPairs = 32;

    /// <summary>Losses against a teacher by name. The defaults are those of each method's paper or its authors' code.</summary>
    public static readonly FrozenDictionary<string, LossRule> Losses = new Dictionary<string, LossRule>
    {
        ["logit"] = LossRule.OfLogits(("temperature", 4)) with { TakesLabels = true },
        ["dkd"] = LossRule.OfLogits(("temperature", 4), ("alpha", 1), ("beta", 8)),
        ["dist"] = LossRule.OfLogits(("temperature", 1), ("beta", 1), ("gamma", 1)),
        ["output"] = LossRule.OfOutputs(),
        ["feature"] = LossRule.OfFeatures(),
        ["attention"] = LossRule.OfFeatures(("heads", null)),
        ["relation"] = LossRule.OfFeatures(("distance", 1), ("angle", 2)),
        ["similarity"] = LossRule.OfFeatures(),
        ["contrastive"] = LossRule.OfFeatures(("temperature", 0.07), ("negatives", null)) with { NeedsClasses = true },
    }.ToFrozenDictionary();

    private static void JudgeDistillation(DistillationSpec spec, ModelTask task, Problems problems)
    {
        problems.Require(spec.Temperature is > 0 and <= 100,
            $"distillation.temperature {spec.Temperature} must be above 0 and at most 100.");
        problems.Require(spec.Alpha is >= 0 and <= 1, $"distillation.alpha {spec.Alpha} must be within 0..1.");
        problems.Require(spec.Losses.Count <= MaximumLosses,
            $"distillation.losses has {spec.Losses.Count} losses; at most {MaximumLosses} are summed.");
        for (var i = 0; i < Math.Min(spec.Losses.Count, MaximumLosses); i++)
            JudgeLoss($"distillation.losses[{i}]", spec.Losses[i], task, problems);
        problems.Require(spec.Labels is null or (>= 0 and <= 1e6), $"distillation.labels {spec.Labels} must be within 0..1000000.");
        problems.Require(spec.Labels is not 0 || spec.Losses.Count == 0 || spec.Losses.Any(loss => loss.Weight > 0),
            "distillation leaves nothing to learn from: every loss and the labels have weight 0.");
        problems.Require(spec.Views is null or (>= 1 and <= 64), $"distillation.views {spec.Views} must be within 1..64.");
        problems.Require(spec.FineTuneEpochs is >= 0 and <= 1000,
            $"distillation.fineTuneEpochs {spec.FineTuneEpochs} must be within 0..1000.");
        JudgeTraining("distillation.training", spec.Training, task, problems);
    }

    private static void JudgeLoss(string key, LossSpec spec, ModelTask task, Problems problems)
    {
        problems.Require(spec.Weight is >= 0 and <= 1e6, $"{key}.weight {spec.Weight} must be within 0..1000000.");
        if (!Losses.TryGetValue(spec.Loss, out var rule))
        {
            problems.OneOf($"{key}.loss", spec.Loss, [.. Losses.Keys.Order(StringComparer.Ordinal)]);
            return;
        }
        problems.Require(
            rule.IsFor(task),
            $"{key}.loss '{spec.Loss}' needs classes, and data.task is '{Word(task)}'; use one of "
                + $"{string.Join(", ", Losses.Where(loss => loss.Value.IsFor(task)).Select(loss => loss.Key)
                    .Order(StringComparer.Ordinal))}.");
        var pairs = $"{key}.pairs";
        problems.Require(rule.NeedsPairs || spec.Pairs.Count == 0,
            $"{pairs}: loss '{spec.Loss}' compares outputs and takes no pairs of features.");
        problems.Require(!rule.NeedsPairs || spec.Pairs.Count > 0,
            $"{pairs}: loss '{spec.Loss}' compares features and needs at least one pair, such as {{teacher: layer3, student: layer3}}.");
        problems.Require(spec.Pairs.Count <= MaximumPairs, $"{pairs} has {spec.Pairs.Count} pairs; at most {MaximumPairs} are compared.");
        problems.Require(spec.Pairs.All(pair => pair.Teacher.Length > 0 && pair.Student.Length > 0),
            $"{pairs} must name a feature of teacher and student in every pair.");
        foreach (var (setting, value) in LossRule.Given(spec).Where(given => given.Value is not null))
        {
            problems.Require(rule.Settings.ContainsKey(setting),
                $"{key}.{setting}: loss '{spec.Loss}' has no such setting; it has "
                    + $"{(rule.Settings.Count == 0 ? "none" : string.Join(", ", rule.Settings.Keys))}.");
            var (holds, allowed) = setting switch
            {
                "temperature" => (value is > 0 and <= 100, "above 0 and at most 100"),
                "heads" => (value is >= 1 and <= 256, "within 1..256"),
                "negatives" => (value is >= 1 and <= 65_536, "within 1..65536"),
                _ => (value is >= 0 and <= 1e6, "within 0..1000000"),
            };
            problems.Require(holds, string.Create(CultureInfo.InvariantCulture, $"{key}.{setting} {value} must be {allowed}."));
        }
    }

    private static void JudgeImbalance(string key, TrainingSpec training, ModelTask task, Problems problems)
    {
        problems.OneOf($"{key}.sampling", training.Sampling ?? "random", Samplings);
        problems.Require(training.Sampling is not "balanced" || task == ModelTask.Classification,
            $"{key}.sampling draws classes alike, and data.task is '{Word(task)}'.");
        problems.Require(training is not { Sampling: "balanced", ClassWeights: "balanced" },
            $"{key}.sampling and {key}.classWeights are both 'balanced': rare classes would count twice over; leave one of them out.");
        problems.Require(training.Focal is null or (> 0 and <= 10),
            FormattableString.Invariant($"{key}.focal {training.Focal} must be above 0 and at most 10."));
        problems.Require(training.Focal is null || task is ModelTask.Classification or ModelTask.MultiLabel,
            $"{key}.focal is a loss of classes, and data.task is '{Word(task)}'.");
        problems.Require(training.Focal is null || training.LabelSmoothing == 0,
            $"{key}.focal counts what is sure less, and {key}.labelSmoothing makes nothing sure; leave one of them out.");
    }

    private static void JudgeVariations(string key, TrainingSpec training, ModelTask task, Problems problems)
    {
        problems.Require(training.Augment != true || task != ModelTask.Detection,
            $"{key}.augment moves images but not the boxes in them, and data.task is 'detection'.");
        problems.Require(training.Operations is null or 0 || task != ModelTask.Detection,
            $"{key}.operations {training.Operations} turn images but not the boxes in them, and data.task is 'detection'; leave it out.");
        foreach (var (name, asked) in ((string, bool?)[])[("mixup", training.Mixup), ("cutmix", training.Cutmix)])
            problems.Require(asked != true || task == ModelTask.Classification,
                $"{key}.{name} mixes samples of one class each, and data.task is '{Word(task)}'; leave it out.");
        problems.Require(training.Operations is null or (>= 0 and <= 8),
            $"{key}.operations {training.Operations} must be within 0..8.");
        problems.Require(training.Magnitude is null or (>= 1 and <= 10), $"{key}.magnitude {training.Magnitude} must be within 1..10.");
    }

    // Folds say where a training ends.
    private static void JudgeStops(BuildSpec spec, DataSpec data, Problems problems)
    {
        if (data.Folds is null) return;
        (string Key, TrainingSpec? Training)[] trainings = [
            ("teacher.training", spec.Teacher?.Training), ("distillation.training", spec.Distillation.Training),
        ];
        foreach (var (key, training) in trainings)
        {
            problems.Require(training?.StopAfter is null, $"{key}.stopAfter is found by data.folds; leave one of them out.");
            problems.Require(training is not { Patience: > 0 },
                $"{key}.patience waits for validation samples, and with data.folds there are none; leave one of them out.");
        }
    }

    private static void JudgeTraining(string key, TrainingSpec training, ModelTask task, Problems problems)
    {
        problems.Require(training.Epochs is null or (>= 1 and <= 10_000), $"{key}.epochs {training.Epochs} must be within 1..10000.");
        problems.Require(training.StopAfter is not { } stop || (stop >= 1 && stop <= (training.Epochs ?? 10_000)),
            $"{key}.stopAfter {training.StopAfter} must be within 1 and the epochs.");
        problems.Require(training.BatchSize is null or (>= 2 and <= 65_536),
            $"{key}.batchSize {training.BatchSize} must be within 2..65536.");
        problems.Require(training.LearningRate is > 0 and <= 10,
            $"{key}.learningRate {training.LearningRate} must be above 0 and at most 10.");
        problems.Require(training.WeightDecay is >= 0 and < 1, $"{key}.weightDecay {training.WeightDecay} must be within 0..1.");
        problems.Require(training.LabelSmoothing is >= 0 and < 1,
            $"{key}.labelSmoothing {training.LabelSmoothing} must be at least 0 and below 1.");
        problems.Require(training.LabelSmoothing == 0 || task == ModelTask.Classification,
            $"{key}.labelSmoothing spreads labels over classes, and data.task is '{Word(task)}'.");
        problems.OneOf($"{key}.classWeights", training.ClassWeights ?? "none", ClassWeightings);
        problems.Require(training.ClassWeights is not "balanced" || task == ModelTask.Classification,
            $"{key}.classWeights weighs classes, and data.task is '{Word(task)}'.");
        JudgeImbalance(key, training, task, problems);
        problems.Require(training.HuberDelta is null or (> 0 and <= 1e6),
            $"{key}.huberDelta {training.HuberDelta} must be above 0 and at most 1000000.");
        problems.Require(training.HuberDelta is null || task == ModelTask.Regression, $"{key}.huberDelta is for data.task 'regression'.");
        JudgeVariations(key, training, task, problems);
        problems.Require(training.Patience is >= 0 and <= 10_000, $"{key}.patience {training.Patience} must be within 0..10000.");
        problems.OneOf($"{key}.device", training.Device, Devices);
    }
}
