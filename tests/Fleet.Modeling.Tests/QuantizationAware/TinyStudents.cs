using System.Collections.Concurrent;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Training;
using Fleet.Quantization.Onnx;

namespace Fleet.Modeling.Tests.QuantizationAware;

/// <summary>Students that have learned something in a second, trained once for all tests.</summary>
internal static class TinyStudents
{
    private static readonly ConcurrentDictionary<string, Lazy<byte[]>> Files = [];

    /// <summary>Nobody listens.</summary>
    public static Fleet.Quantization.Progress Silent { get; } = new(new IgnoredProgress(), "step", 0, 1);

    /// <summary>The student of a family, prepared.</summary>
    public static PreparedModel Prepared(string family, ScratchFolder folder) => PreparedModel.From(Save(family, folder), folder.Path);

    /// <summary>The student of a family as a file.</summary>
    public static string Save(string family, ScratchFolder folder, int width = 8)
    {
        var path = folder.File($"{family}{width}.onnx");
        File.WriteAllBytes(path, Files.GetOrAdd($"{family}{width}", _ => new Lazy<byte[]>(() => Train(family, width))).Value);
        return path;
    }

    /// <summary>
    /// Waves of four frequencies in noise, far from zero mean so that the export begins with an operator that centres them.
    /// </summary>
    public static DataSet Data(string family) => family is "encoder" or "text-cnn"
        ? new(Texts(512, 1), Texts(128, 2), Texts(256, 3), ["a", "b", "c", "d"])
        : new(Waves(family, 256, 1), Waves(family, 128, 2), Waves(family, 256, 3), ["a", "b", "c", "d"]);

    private static byte[] Train(string family, int width)
    {
        using var folder = new ScratchFolder();
        var data = Data(family);
        using var network = new Network(
            Families.Student(family, family is "encoder" or "text-cnn" ? 4 * width : width, data.Training.SampleShape, new Classifier(4),
                vocabulary: data.Training.Vocabulary),
                    data.Training.Vocabulary is null ? Normalization.Measure(data.Training) : Normalization.None, 1);
        TrainingLoop.Run(network, data.Training, data.Validation,
            new TrainingPhase("teacher", new TrainingSpec { Epochs = family is "encoder" or "text-cnn" ? 10 : 3, BatchSize = 32 }, 1),
            Silent, CancellationToken.None);
        CheckedExport.Write(network, folder.File("student.onnx"), data.Test);
        return File.ReadAllBytes(folder.File("student.onnx"));
    }

    private static SampleSet Waves(string family, int count, int seed)
    {
        var random = new Random(seed);
        int[] shape = family is "conv1d" or "conv1d-residual" or "tcn" or "random-kernels" ? [1, 144] : [1, 12, 12];
        var inputs = new float[count * 144];
        var labels = new long[count];
        for (var sample = 0; sample < count; sample++)
        {
            labels[sample] = sample % 4;
            var (phase, frequency) = (random.NextDouble() * 6.28, 0.2 + 0.25 * labels[sample]);
            for (var i = 0; i < 144; i++)
                inputs[sample * 144 + i] = (float)(120 + 30 * (Math.Sin(phase + frequency * i) + random.NextDouble() - 0.5));
        }
        return new SampleSet(inputs, shape, labels);
    }

    /// <summary>Token numbers, padded at the end: which of two pairs of tokens stands in the text, and in which order.</summary>
    private static SampleSet Texts(int count, int seed)
    {
        const int Length = 12, Pieces = 200;
        var random = new Random(seed);
        var inputs = new float[count * Length];
        var labels = new long[count];
        for (var sample = 0; sample < count; sample++)
        {
            labels[sample] = sample % 4;
            var text = inputs.AsSpan(sample * Length, Length);
            for (var place = 0; place < random.Next(8, Length + 1); place++) text[place] = random.Next(10, Pieces);
            var (first, second) = labels[sample] < 2 ? (4, 5) : (6, 7);
            (text[random.Next(0, 4)], text[random.Next(4, 8)]) = labels[sample] % 2 == 0 ? (first, second) : (second, first);
        }
        return new SampleSet(inputs, [Length], labels)
        {
            Vocabulary = new Vocabulary([.. Enumerable.Range(0, Pieces).Select(number => $"piece{number}")]),
        };
    }
}
