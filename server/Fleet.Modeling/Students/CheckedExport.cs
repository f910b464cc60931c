using Fleet.Modeling.Data;
using Fleet.Modeling.Students.Layers;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Students;

/// <summary>Exports a trained network and proves that ONNX Runtime answers held-out samples as TorchSharp does.</summary>
internal static class CheckedExport
{
    /// <summary>Largest difference of an output, where outputs are of unit size; where they are larger, of the largest.</summary>
    public const double Tolerance = 1e-4;

    private const int Samples = 64;

    /// <summary>Writes <paramref name="path"/>.</summary>
    /// <returns>The largest difference found.</returns>
    /// <exception cref="BuildException">The file answers differently: it must not be built upon.</exception>
    public static double Write(Network network, string path, SampleSet heldOut)
    {
        OnnxFile.Save(StudentExport.Model(network.Plan, network.Normalization, network.Folded()), path);
        return Compare(network, path, heldOut);
    }

    /// <summary>Writes it as a teacher takes samples: as features, which a student makes itself.</summary>
    public static void WriteTeacher(Network network, string path) => OnnxFile.Save(
        StudentExport.Model(network.Plan with { FrontEnd = null, InputForm = null }, network.Normalization, network.Folded()), path);

    /// <summary>The largest difference between a network and a file.</summary>
    /// <exception cref="BuildException">It is beyond the tolerance.</exception>
    public static double Compare(Network network, string path, SampleSet heldOut)
    {
        var samples = heldOut.Take(Samples);
        var expected = network.Outputs(samples, CancellationToken.None);
        var exported = Run(path, network.Plan.FrontEnd is null ? samples : samples.Given(), network.Plan.Outputs());
        var difference = expected.Zip(exported).Max(pair => Math.Abs((double)pair.First - pair.Second));
        var largest = expected.Max(value => Math.Abs((double)value));
        return difference <= Tolerance * Math.Max(1, largest)
            ? difference
            : throw new BuildException(
                $"The exported {Path.GetFileName(path)} differs from the trained network by {difference:g3} in outputs of up to "
                    + $"{largest:g3}; {Tolerance:g1} of them is allowed. This is a fault of the exporter: report it with the build spec.");
    }

    // A row for each sample, as the network answers in training: its outputs one after the other.
    private static float[] Run(string path, SampleSet samples, IReadOnlyList<HeadOutput> shown)
    {
        using var session = OnnxRuntimeSession.Open(path);
        using var options = new RunOptions();
        using var input = SampleFeeds.Value(samples.Inputs, samples.SampleShape, samples.Vocabulary is not null);
        using var outputs = session.Run(options, [StudentExport.Input], [input], [.. shown.Select(output => output.Name)]);
        var rows = new List<float>();
        for (var sample = 0; sample < samples.Count; sample++)
        {
            foreach (var output in outputs)
            {
                var values = output.GetTensorDataAsSpan<float>();
                var width = values.Length / samples.Count;
                rows.AddRange(values.Slice(sample * width, width));
            }
        }
        return [.. rows];
    }
}
