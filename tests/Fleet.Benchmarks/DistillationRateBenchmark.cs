using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Modeling.Worker;
using Fleet.Quantization;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>Samples a processor second of the product's training loop and of PyTorch, in turns, on networks of the same layers.</summary>
internal static class DistillationRateBenchmark
{
    private const int Rounds = 5, Batch = 128, Classes = 10;
    private const double Seconds = 3;

    private static readonly string[] Cases = ["student, cross entropy", "distillation, cached logits", "distillation, teacher online"];

    // The layers of ../shared/peers/torch_rate.py; a dense layer has batch normalization here and none there.
    private static readonly NetworkPlan Student = new("student", [1, 28, 28],
    [
        new Convolution(16, 3), new MaxPool(2), new Convolution(32, 3), new MaxPool(2), new Convolution(64, 3),
        new Flatten(), new Dense(24), new Classifier(Classes),
    ]);

    private static readonly NetworkPlan Teacher = new("teacher", [1, 28, 28],
    [
        new Convolution(32, 3), new Convolution(64, 3), new MaxPool(2), new Convolution(128, 3), new Convolution(128, 3), new MaxPool(2),
        new Flatten(), new Dense(288), new Classifier(Classes),
    ]);

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (!Peers.ArePresent) return Peers.Absent;
        NativeEnvironment.Prepare();
        using var folder = new TemporaryFolder();
        var ours = Cases.ToDictionary(name => name, _ => new List<double>());
        var theirs = Cases.ToDictionary(name => name, _ => new List<double>());
        var version = "";
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var line in (await Peers.RunAsync(
                ["torch-rate", "1", Seconds.ToString(CultureInfo.InvariantCulture)], cancellationToken)).Split('\n'))
            {
                var measured = JsonNode.Parse(line)!;
                theirs[(string)measured["case"]!].Add((double)measured["samplesPerCpuSecond"]!);
                version = (string)measured["torch"]!;
            }
            foreach (var name in Cases)
            {
                ours[name].Add(await DedicatedThread.RunAsync("rate", () => Measure(name, folder.Path, cancellationToken)));
                Console.Error.WriteLine(
                    FormattableString.Invariant($"round {round + 1}, {name}: PyTorch {theirs[name][^1]:0}, Fleet {ours[name][^1]:0}"));
            }
        }
        return Table(ours, theirs, version);
    }

    private static double Measure(string name, string folder, CancellationToken cancellationToken)
    {
        var samples = Samples(name == Cases[2] ? 16 * Batch : 64 * Batch);
        using var network = new Network(Student, Normalization.Measure(samples), 1);
        var spec = new TrainingSpec { Epochs = 1, BatchSize = Batch, LearningRate = 1e-3 };
        if (name == Cases[0]) return Rate(network, samples, new TrainingPhase("rate", spec, 1), cancellationToken);

        var path = Path.Combine(folder, "teacher.onnx");
        if (!File.Exists(path))
        {
            using var teacher = new Network(Teacher, Normalization.Measure(samples), 1);
            CheckedExport.Write(teacher, path, samples);
        }
        var distillation = new DistillationSpec { Training = spec };
        using var model = new OnnxTeacher(path, [1, 28, 28], Classes);
        using var answers = new TeacherOutputs(model, samples, [], Augmentation.Of(spec, samples, 1), 1, Path.Combine(folder, name),
            maximumBytes: name == Cases[1] ? TeacherOutputs.MaximumBytes : 0);
        // Asked once, before the clock runs.
        using (TorchSharp.torch.NewDisposeScope()) answers.Of(0, [0], network.Device, cancellationToken);
        using var losses = new LossSum(distillation, [], [], Classes, samples.Labels, 1, network.Device);
        return Rate(network, samples, new TrainingPhase("rate", spec, 1, new TeacherObjective(answers, losses)), cancellationToken);
    }

    // Whole epochs of the product's loop, with its shuffling, its batches and one sample to select by.
    private static double Rate(Network network, SampleSet samples, TrainingPhase phase, CancellationToken cancellationToken)
    {
        void Epoch() => TrainingLoop.Run(
            network, samples, samples.Take(1), phase, Progress.Unheard, cancellationToken);
        Epoch();
        var (cpu, start, epochs) = (Environment.CpuUsage.TotalTime, TimeProvider.System.GetTimestamp(), 0);
        for (; TimeProvider.System.GetElapsedTime(start).TotalSeconds < Seconds; epochs++) Epoch();
        return epochs * (double)samples.Count / (Environment.CpuUsage.TotalTime - cpu).TotalSeconds;
    }

    private static SampleSet Samples(int count)
    {
        var random = new Random(1);
        return new SampleSet([.. Enumerable.Range(0, count * 784).Select(_ => random.NextSingle())], [1, 28, 28],
            [.. Enumerable.Range(0, count).Select(_ => (long)random.Next(Classes))]);
    }

    private static string Table(Dictionary<string, List<double>> ours, Dictionary<string, List<double>> theirs, string version)
    {
        static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;
        var text = new StringBuilder();
        text.AppendLine($"| case | Fleet, samples a CPU second | PyTorch {version} | Fleet / PyTorch | lowest and highest of {Rounds} "
            + "rounds |").AppendLine("|---|---:|---:|---:|---:|");
        foreach (var name in Cases)
        {
            double[] ratios = [.. ours[name].Zip(theirs[name], (own, peer) => own / peer)];
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {Median(ours[name]):N0} | {Median(theirs[name]):N0} | **{Median(ratios):0.00}** | {ratios.Min():0.00} to "
                    + $"{ratios.Max():0.00} |");
        }
        return text.AppendLine().Append(CultureInfo.InvariantCulture, $"""
            One thread, batches of {Batch}, 28 x 28 inputs; student {Student.Parameters():N0} and teacher {Teacher.Parameters():N0}
            parameters. The two took turns, {Seconds:0} s a case and round; medians, and the ratio is taken within each round. Fleet's side
            is whole epochs of its training loop (AdamW, shuffling, batches from memory, rows of kept logits from a file);
            PyTorch's is the step alone on one fixed batch (Adam). Online, each asks its teacher as it would: Fleet in ONNX Runtime.
            Required: at least 1.0.
            """).ToString();
    }
}
