using System.Globalization;
using System.Text;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// What each loss brings on Fashion-MNIST with little data, and how far the best sum of them takes a small student on all of it.
/// Every run is kept as it ends, so that a benchmark that is stopped goes on where it was.
/// </summary>
internal static class DistillationLossesBenchmark
{
    private const int SubsetSamples = 10_000, SelectionSamples = 2400, SubsetEpochs = 12, FullEpochs = 28, MaximumParameters = 100_000;
    private const double Required = 0.934;

    private static readonly int[] Seeds = [1, 2, 3];

    private static readonly TrainingSpec SubsetTraining = new()
    {
        Epochs = SubsetEpochs,
        BatchSize = 64,
        LearningRate = 2e-3,
        Augment = true,
    };
    private static readonly TrainingSpec FullTraining = new() { Epochs = FullEpochs, BatchSize = 128, LearningRate = 4e-3, Augment = true };
    private static readonly TrainingSpec TeacherTraining = new()
    {
        Epochs = 8,
        BatchSize = 128,
        LearningRate = 3e-3,
        WeightDecay = 2e-2,
        Augment = true,
    };

    // A student of all data comes as far as that teacher with a third of its parameters: it needs a better one.
    private static readonly TrainingSpec StrongTraining = TeacherTraining with { Epochs = 16, Mirror = false };

    // Behind the last pooling, and the dense layer in front of the classifier; the map in front of that pooling has positions.
    private static readonly FeaturePairSpec[] Pooled = [
        Pair("layer9", "layer6"),
    ], Map = [Pair("layer8", "layer5")], Embedding = [Pair("layer11", "layer8")];

    private const string Weak =
        "teacher", Strong = "strong teacher", Alone = "labels alone", Unmirrored = "labels alone, images not mirrored";

    // Weights are those of each method's paper or of its authors' code, brought to the scale a loss has here; none was tuned on the test
    // set.
    private static readonly (string Name, LossSpec[] Losses, double Labels)[] Single =
    [
        ("logit", [Logit], 0.3),
        ("dkd", [new LossSpec { Loss = "dkd", Weight = 0.5, Temperature = 4, Beta = 2 }], 1),
        ("dist", [new LossSpec { Loss = "dist", Temperature = 4, Beta = 0.5, Gamma = 0.5 }], 1),
        ("feature", [new LossSpec { Loss = "feature", Weight = 1, Pairs = Pooled }], 1),
        ("attention", [new LossSpec { Loss = "attention", Weight = 2, Pairs = Map }], 1),
        ("relation", [new LossSpec { Loss = "relation", Weight = 10, Pairs = Embedding }], 1),
        ("similarity", [new LossSpec { Loss = "similarity", Weight = 1000, Pairs = Pooled }], 1),
        ("contrastive", [new LossSpec { Loss = "contrastive", Weight = 0.2, Pairs = Embedding }], 1),
    ];

    private static LossSpec Logit => new() { Loss = "logit", Weight = 0.7, Temperature = 4 };

    public static Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (!SharedData.IsPresent) return Task.FromResult(SharedData.Absent);
        // Tensors belong to the thread that made them.
        var done = new TaskCompletionSource<string>();
        new Thread(() =>
        {
            try { done.SetResult(Run(cancellationToken)); }
            catch (Exception e) { done.SetException(e); }
        }).Start();
        return done.Task;
    }

    private static string Run(CancellationToken cancellationToken)
    {
        NativeEnvironment.Prepare();
        var full = DataSets.Load(new DataSpec
        {
            Kind = "idx",
            Train = SharedData.PathOf("fashion-mnist", "train-images-idx3-ubyte.gz"),
            TrainLabels = SharedData.PathOf("fashion-mnist", "train-labels-idx1-ubyte.gz"),
            Test = SharedData.PathOf("fashion-mnist", "t10k-images-idx3-ubyte.gz"),
            TestLabels = SharedData.PathOf("fashion-mnist", "t10k-labels-idx1-ubyte.gz"),
            ValidationShare = 0.08,
        }, 3, seed: 1);
        var subset = full with
        {
            Training = Splits.Subset(full.Training, SubsetSamples, new Random(1)),
            Validation = full.Validation.Take(SelectionSamples),
        };
        var folder = Repository.PathOf(".artifacts", "benchmarks", "distillation-losses");
        Directory.CreateDirectory(folder);
        var runs = new Runs(Path.Combine(folder, "runs.jsonl"));
        var (student, wide) = (Families.Student("cnn", 12, [1, 28, 28], new Classifier(10)),
            Families.Student("cnn", 14, [1, 28, 28], new Classifier(10), depth: 2));
        var stopped = "";
        try
        {
            var teacherPath = Path.Combine(folder, "teacher.onnx");
            runs.Get(Weak, 1, () => TrainTeacher(20, TeacherTraining, full, teacherPath, cancellationToken));
            using var model = new OnnxTeacher(teacherPath, [1, 28, 28], 10);

            Outcome Distilled(string name, LossSpec[] losses, double labels, int seed)
                => runs.Get(name, seed, () => Train(student, subset, seed, SubsetTraining, folder, cancellationToken,
                    (new DistillationSpec { Losses = losses, Labels = labels, Training = SubsetTraining }, model)));
            void OnSubset(int seed)
            {
                runs.Get(Alone, seed, () => Train(student, subset, seed, SubsetTraining, folder, cancellationToken));
                runs.Get(Unmirrored, seed,
                    () => Train(student, subset, seed, SubsetTraining with { Mirror = false }, folder, cancellationToken));
                foreach (var (name, losses, labels) in Single) Distilled(name, losses, labels, seed);
            }
            // What is chosen is chosen by the validation images of the first seed: the best loss on logits and the two best on features.
            OnSubset(Seeds[0]);
            string[] ranked = [.. Single.OrderByDescending(single => runs.Validation(single.Name)).Select(single => single.Name)];
            string[] onLogits = ["logit", "dkd", "dist"];
            var chosen = ranked.Where(onLogits.Contains).Take(1).Concat(ranked.Except(onLogits).Take(2))
                .Select(name => Single.Single(single => single.Name == name)).ToArray();
            var combination = string.Join(" + ", chosen.Select(single => single.Name));
            LossSpec[] sum = [.. chosen.SelectMany(single => single.Losses)];
            Distilled(combination, sum, chosen[0].Labels, Seeds[0]);

            var strongPath = Path.Combine(folder, "strong-teacher.onnx");
            runs.Get(Strong, 1, () => TrainTeacher(24, StrongTraining, full, strongPath, cancellationToken));
            using (var strong = new OnnxTeacher(strongPath, [1, 28, 28], 10))
            {
                // The wide student has the teacher's layers, number by number.
                LossSpec[] same = [
                    .. sum.Select(loss => loss with { Pairs = [.. loss.Pairs.Select(pair => pair with { Student = pair.Teacher })] }),
                ];
                var training = FullTraining with { Mirror = runs.Validation(Alone) >= runs.Validation(Unmirrored) };
                runs.Get("full: " + combination, 1,
                    () => Train(wide, full, 1, training, folder, cancellationToken,
                        (new DistillationSpec { Losses = same, Labels = chosen[0].Labels, Training = training, Views = 4 }, strong)));
            }

            foreach (var seed in Seeds.Skip(1))
            {
                OnSubset(seed);
                Distilled(combination, sum, chosen[0].Labels, seed);
            }
        }
        catch (OperationCanceledException)
        {
            stopped = "Stopped before its end; run it again to go on.\n\n";
            if (runs.All.All(run => run.Name != Unmirrored)) return stopped;
        }
        return stopped + Table(runs, student, wide);
    }

    private static Outcome TrainTeacher(int width, TrainingSpec training, DataSet data, string path, CancellationToken cancellationToken)
    {
        var plan = Families.Teacher("cnn", width, [1, 28, 28], new Classifier(10), depth: 2);
        using var network = new Network(plan, Normalization.Measure(data.Training), 1);
        var start = TimeProvider.System.GetTimestamp();
        var epochs = TrainingLoop.Run(
            network, data.Training, data.Validation, new TrainingPhase("teacher", training, 1), Told("teacher"), cancellationToken);
        CheckedExport.Write(network, path, data.Test);
        return new Outcome("teacher", 1, data.Test.Labels.Score(network.Outputs(data.Test, cancellationToken))[0].Value,
            epochs.Max(epoch => epoch.Reached().Value), plan.Parameters(), TimeProvider.System.GetElapsedTime(start).TotalSeconds);
    }

    private static Outcome Train(
        NetworkPlan plan, DataSet data, int seed, TrainingSpec training, string folder, CancellationToken cancellationToken,
        (DistillationSpec Spec, ITeacherModel Teacher)? from = null)
    {
        using var network = new Network(plan, Normalization.Measure(data.Training), seed + 1);
        var start = TimeProvider.System.GetTimestamp();
        IReadOnlyList<EpochReport> Epochs(TeacherObjective? targets)
            => TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase("distillation", training, seed + 1, targets),
                Told($"{data.Training.Count} seed {seed}"), cancellationToken);
        IReadOnlyList<EpochReport> epochs;
        if (from is { } distillation)
        {
            using var answers = new TeacherOutputs(distillation.Teacher, data.Training,
                LossSum.TeacherFeatures(distillation.Spec, data.Training.Labels), Augmentation.Of(training, data.Training, seed + 1),
                distillation.Spec.Views ?? 4, Path.Combine(folder, "teacher-outputs"));
            using var losses = new LossSum(
                distillation.Spec, plan.Features(), answers.Features, 10, data.Training.Labels, seed + 1, network.Device);
            epochs = Epochs(new TeacherObjective(answers, losses));
        }
        else
        {
            epochs = Epochs(null);
        }
        return new Outcome("", seed, data.Test.Labels.Score(network.Outputs(data.Test, cancellationToken))[0].Value,
            epochs.Max(epoch => epoch.Reached().Value), plan.Parameters(), TimeProvider.System.GetElapsedTime(start).TotalSeconds);
    }

    private static string Table(Runs runs, NetworkPlan student, NetworkPlan wide)
    {
        var teacher = runs.All.Single(run => run.Name == Weak);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            **Little data.** The student ({student.Description}, {student.Parameters():N0} parameters) sees {SubsetSamples:N0} training
            images, chosen once; every row is trained alike: {SubsetEpochs} epochs, batches of {SubsetTraining.BatchSize}, peak rate
            {SubsetTraining.LearningRate}, shifted and mirrored images, best epoch by {SelectionSamples:N0} further images. Three seeds;
            accuracy on all 10,000 test images. The teacher ({teacher.Parameters:N0} parameters, {teacher.Test:P2}) was trained once on the
            **full** 55,200: the case of a strong teacher and little data at hand.
            Distilled students go through 4 views of each image in turn, the student on labels alone sees a new one in every epoch.


            """);
        text.Append(Rows(runs));
        var views = runs.Validation(Alone) >= runs.Validation(Unmirrored)
            ? "shifted and mirrored"
            : "shifted images, not mirrored, which was better above";
        text.AppendLine().Append(CultureInfo.InvariantCulture, $"""
            The sum is the best loss on logits and the two best on features by the validation accuracy of the first seed, each with its
            weight of above.

            **All data.** Each once on 55,200 training images, {FullEpochs} epochs, batches of {FullTraining.BatchSize}, peak rate
            {FullTraining.LearningRate}, 4 views of {views}. The student is
            {wide.Description}, {wide.Parameters():N0} parameters (at most {MaximumParameters:N0}). Required: {Required:P1}.

            | trained from | test accuracy | against required, points | validation | seconds |
            |---|---:|---:|---:|---:|

            """);
        foreach (var strong in runs.All.Where(run => run.Name == Strong))
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| teacher itself, {strong.Parameters:N0} parameters, {StrongTraining.Epochs} epochs, not mirrored | {strong.Test:P2} | | "
                    + $"{strong.Validation:P2} | {strong.Seconds:0} |");
        foreach (var run in runs.All.Where(run => run.Name.StartsWith("full", StringComparison.Ordinal)))
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {run.Name[6..]} | {run.Test:P2} | "
                    + $"{((run.Test - Required) * 100).ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture)} | {run.Validation:P2} | "
                    + $"{run.Seconds:0} |");
        return text.ToString();
    }

    private static string Rows(Runs runs)
    {
        var text = new StringBuilder();
        text.AppendLine("| loss against the teacher | test accuracy, mean | deviation | against labels alone, points | by seed | "
            + "validation | seconds a run |").AppendLine("|---|---:|---:|---:|---|---:|---:|");
        foreach (var group in runs.All.Where(
            run => run.Name is not (Weak or Strong) && !run.Name.StartsWith("full", StringComparison.Ordinal)).GroupBy(run => run.Name))
        {
            double[] test = [.. group.Select(run => run.Test)];
            var mean = test.Average();
            var deviation = test.Length > 1 ? Math.Sqrt(test.Sum(value => (value - mean) * (value - mean)) / (test.Length - 1)) : 0;
            var against = mean - runs.All.Where(run => run.Name == Alone).Average(run => run.Test);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {group.Key} | {mean:P2} | {deviation * 100:0.00} | "
                    + $"{(group.Key == Alone ? "" : $"{(against * 100).ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture)}")} | "
                    + $"{string.Join(", ", test.Select(value => value.ToString("P2", CultureInfo.InvariantCulture)))} | "
                    + $"{group.Average(run => run.Validation):P2} | {group.Average(run => run.Seconds):0} |");
        }
        return text.ToString();
    }

    private static FeaturePairSpec Pair(string teacher, string student) => new() { Teacher = teacher, Student = student };

    private static Progress Told(string what) => new(new Lines(), what, 0, 1);

    private sealed record Outcome(string Name, int Seed, double Test, double Validation, long Parameters, double Seconds);

    /// <summary>Runs that ended, one JSON line each.</summary>
    private sealed class Runs
    {
        private readonly string _path;
        private readonly List<Outcome> _all;

        public Runs(string path)
        {
            _path = path;
            _all = File.Exists(path) ? [.. File.ReadLines(path).Select(line => JsonSerializer.Deserialize<Outcome>(line)!)] : [];
        }

        public IReadOnlyList<Outcome> All => _all;

        /// <summary>Validation accuracy of the first seed: what is chosen does not change as seeds are added.</summary>
        public double Validation(string name) => _all.First(run => run.Name == name && run.Seed == Seeds[0]).Validation;

        public Outcome Get(string name, int seed, Func<Outcome> make)
        {
            if (_all.FirstOrDefault(run => run.Name == name && run.Seed == seed) is { } kept) return kept;
            var run = make() with { Name = name };
            _all.Add(run);
            File.AppendAllText(_path, JsonSerializer.Serialize(run) + "\n");
            Console.Error.WriteLine(FormattableString.Invariant(
                $"{name,-40} seed {seed}: test {run.Test:P2}, validation {run.Validation:P2}, {run.Seconds:0} s"));
            return run;
        }
    }

    /// <summary>Each epoch's line on standard error.</summary>
    private sealed class Lines : IProgress<BuildProgress>
    {
        private string _last = "";

        public void Report(BuildProgress value)
        {
            if (value.Step == _last) return;
            Console.Error.WriteLine(_last = value.Step);
        }
    }
}
