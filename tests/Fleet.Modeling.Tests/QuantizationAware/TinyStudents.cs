using System.Collections.Concurrent;
using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Tests.QuantizationAware;

/// <summary>Students that have learned something in a second, trained once for all tests.</summary>
internal static class TinyStudents
{
    private static readonly ConcurrentDictionary<string, Lazy<byte[]>> Files = [];

    /// <summary>Nobody listens.</summary>
    public static Fleet.Modeling.Progress Silent { get; } = new(new Ignored(), "step", 0, 1);

    /// <summary>The student of a family, prepared.</summary>
    public static PreparedModel Prepared(string family, ScratchFolder folder) => PreparedModel.From(Save(family, folder), folder.Path);

    /// <summary>The student of a family as a file.</summary>
    public static string Save(string family, ScratchFolder folder, int width = 8)
    {
        var path = folder.File($"{family}{width}.onnx");
        File.WriteAllBytes(path, Files.GetOrAdd($"{family}{width}", _ => new Lazy<byte[]>(() => Train(family, width))).Value);
        return path;
    }

    /// <summary>Waves of four frequencies in noise, far from zero mean so that the export begins with an operator that centres them.</summary>
    public static DataSet Data(string family) => new(Waves(family, 256, 1), Waves(family, 128, 2), Waves(family, 256, 3), ["a", "b", "c", "d"]);

    private static byte[] Train(string family, int width)
    {
        using var folder = new ScratchFolder();
        var data = Data(family);
        using var network = new Network(Families.Student(family, width, data.Training.SampleShape, 4), Normalization.Measure(data.Training), 1);
        TrainingLoop.Run(network, data.Training, data.Validation, new TrainingPhase("teacher", new TrainingSpec { Epochs = 3, BatchSize = 32 }, 1), Silent, CancellationToken.None);
        CheckedExport.Write(network, folder.File("student.onnx"), data.Test);
        return File.ReadAllBytes(folder.File("student.onnx"));
    }

    private static SampleSet Waves(string family, int count, int seed)
    {
        var random = new Random(seed);
        int[] shape = family == "conv1d" ? [1, 144] : [1, 12, 12];
        var inputs = new float[count * 144];
        var labels = new long[count];
        for (var sample = 0; sample < count; sample++)
        {
            labels[sample] = sample % 4;
            var (phase, frequency) = (random.NextDouble() * 6.28, 0.2 + 0.25 * labels[sample]);
            for (var i = 0; i < 144; i++) inputs[sample * 144 + i] = (float)(120 + 30 * (Math.Sin(phase + frequency * i) + random.NextDouble() - 0.5));
        }
        return new SampleSet(inputs, shape, labels);
    }

    private sealed class Ignored : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) { }
    }
}
