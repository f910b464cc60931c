using System.Buffers.Binary;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.FrontEnds;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.TestKit;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Modeling.Tests.FrontEnds;

/// <summary>A folder of sound becomes a student that takes samples, and small variants of it that hear them in 32 bits.</summary>
public sealed class ExportedFrontEndTests : IDisposable
{
    private const int Rate = 8_000, Length = 1_200;

    private readonly TemporaryFolder _folder = new();

    public ExportedFrontEndTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    /// <summary>Three pitches at any loudness, in noise.</summary>
    private void Record(int each)
    {
        var random = new Random(7);
        foreach (var (name, hertz) in new[] { ("low", 300.0), ("middle", 900.0), ("high", 2_700.0) })
        {
            for (var take = 0; take < each; take++)
            {
                var (loudness, pitch) = (Math.Pow(10, -2 * random.NextDouble()), hertz * (0.8 + 0.4 * random.NextDouble()));
                var bytes = new byte[44 + 2 * Length];
                "RIFF"u8.CopyTo(bytes);
                "WAVEfmt "u8.CopyTo(bytes.AsSpan(8));
                "data"u8.CopyTo(bytes.AsSpan(36));
                foreach (var (at, number) in ((int, int)[])[
                    (4, 36 + 2 * Length), (16, 16), (20, 1 | 1 << 16), (24, Rate), (28, 2 * Rate), (32, 2 | 16 << 16), (40, 2 * Length),
                ])
                    BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), number);
                for (var i = 0; i < Length; i++)
                    BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(44 + 2 * i), (short)(32_000 * loudness
                        * (0.9 * Math.Sin(2 * Math.PI * pitch * i / Rate) + 0.1 * (random.NextDouble() - 0.5))));
                File.WriteAllBytes(_folder[$"{name}_{take}.wav"], bytes);
            }
        }
    }

    private BuildSpec Spec(string family, QuantizationSpec quantization, int epochs = 2)
    {
        var training = new TrainingSpec { Epochs = epochs, BatchSize = 8, Augment = false, LearningRate = 1e-2 };
        return new BuildSpec
        {
            Model = "pitches",
            Data = new DataSpec { Train = _folder.Path },
            Teacher = new TeacherSpec { Family = family, Width = 4, Training = training },
            Student = new StudentSpec { Family = family, Width = 4 },
            Distillation = new DistillationSpec { Training = training, CompareWithLabels = false },
            Quantization = quantization with { CalibrationSamples = 16, MaximumDrop = 1 },
            Gate = new GateSpec { ValidationSamples = 12 },
        };
    }

    [Fact]
    public void Build_of_a_folder_of_sound_leaves_variants_that_take_samples_and_hear_them_in_32_bits()
    {
        Record(24);
        var built = _folder["built"];
        var spec = Spec("cnn", new QuantizationSpec
        {
            // Nothing is timed for what is not this machine.
            Profiles = ["jetson"],
            Effort = "fast",
            Schemes = [
                "int8-static-u8s8", "int8-static-s8s8", "int8-static-symmetric", "int8-dynamic", "int8-weights", "int4-weights", "fp16",
            ],
        });
        var report = new Build(TimeProvider.System).Run(spec, built, new IgnoredProgress(), CancellationToken.None).Report;

        Assert.Equal([-1, 1, Length], Assert.Single(report.Inputs).Shape);
        Assert.Equal([1, 40, 12], report.Data!.SampleShape);
        using var validation = File.OpenRead(Path.Combine(built, "validation.npz"));
        var samples = NpzArchive.Read(validation, 1 << 20)["input"];
        Assert.Equal([12, 1, Length], samples.Shape);
        Assert.Contains(report.Floors, floor => floor.Name == "kernels");

        var student = new OnnxGraph(OnnxFile.Load(Path.Combine(built, "student.onnx")));
        Assert.Contains("STFT", student.Graph.Node.Select(node => node.OpType));
        Assert.Equal("8000", student.Model.MetadataProps.Single(entry => entry.Key == LogMel.RateKey).Value);
        var variants = report.Variants.Where(variant => variant.Artifact is not null).ToArray();
        Assert.Superset(
            new HashSet<string> { "int8-static-u8s8", "int8-static-s8s8", "int8-static-symmetric", "int8-dynamic", "int8-weights", "fp16" },
            variants.Select(variant => variant.Scheme).ToHashSet());
        foreach (var variant in variants)
        {
            var graph = new OnnxGraph(OnnxFile.Load(Path.Combine(built, "variants", variant.Artifact!.Name)));
            var heard = FrontEndMark.Of(graph);
            NodeProto[] front = [.. graph.Graph.Node.Where(node => heard.Contains(node.Output[0]))];
            Assert.Equal(
                ["Reshape", "STFT", "Mul", "ReduceSum", "MatMul", "Add", "Log", "Transpose", "Reshape"],
                front.Select(node => node.OpType));
            Assert.All(front.SelectMany(node => node.Input).Select(graph.Constant).OfType<TensorProto>(),
                constant => Assert.True(constant.Is(DataType.Float) || constant.Is(DataType.Int64), constant.Name));
            if (!variant.Scheme.StartsWith("int8-static", StringComparison.Ordinal)) continue;
            // Every layer of the network reads integers.
            Assert.All(graph.Graph.Node.Where(node => node.OpType is "Conv" or "Gemm"), node => Assert.All(node.Input.Take(2),
                input => Assert.Equal("DequantizeLinear", graph.ProducerOf(input)?.OpType)));
        }
    }

    [Fact]
    public void Network_trained_on_its_grid_gets_the_front_end_before_it()
    {
        Record(20);
        var spec = Spec("conv1d", new QuantizationSpec { Profiles = ["x64"], Effort = "fast", Schemes = ["int8-static-u8s8"] }, epochs: 12)
            with
        { QuantizationAware = new QuantizationAwareSpec { Method = "qat", Epochs = 2 } };
        var report = new Build(TimeProvider.System).Run(spec, _folder["built"], new IgnoredProgress(), CancellationToken.None).Report;
        Assert.Equal([40, 12], report.Data!.SampleShape);
        var trained = Assert.Single(report.Variants, variant => variant.Scheme.StartsWith("qat", StringComparison.Ordinal));
        var graph = new OnnxGraph(OnnxFile.Load(_folder["built", "variants", trained.Artifact!.Name]));
        Assert.Equal("input", Assert.Single(graph.Graph.Input).Name);
        Assert.Equal(9, FrontEndMark.Of(graph).Count);
        Assert.InRange(trained.Scores!.Agreement ?? 0, 0.8, 1);
    }

    [Fact]
    public void Sound_is_heard_raw_where_that_is_asked_and_where_it_is_shorter_than_a_window()
    {
        Record(6);
        DataSet Load(DataSpec spec) => DataSets.Load(spec, 2, 1);
        var here = new DataSpec { Train = _folder.Path };
        var heard = Load(here);
        Assert.Equal([40, 12], heard.Training.SampleShape);
        Assert.Equal([1, Length], heard.Training.Given().SampleShape);
        Assert.Equal([1, 13, 12], DataSets.Load(here with { Features = new FeatureSpec { Kind = FeatureKind.Mfcc } }, 3, 1)
            .Training.SampleShape);
        Assert.Equal([1, Length], Load(here with { Features = new FeatureSpec { Kind = FeatureKind.Raw } }).Training.SampleShape);
        Assert.Equal([1, 200], Load(here with { Preprocessing = new Preprocessing { Window = 200 } }).Training.SampleShape);
        Assert.Contains(heard.Notes, note => note.StartsWith("Networks hear (40, 12) of a sample of (1, 1200): logarithms of the power in "
            + "40 mel bands from 20 to 4000 Hz, windows of 25 ms every 10 ms.", StringComparison.Ordinal));
    }

    [Fact]
    public void Features_stay_with_their_samples_through_every_cut()
    {
        Record(8);
        var data = DataSets.Load(new DataSpec { Train = _folder.Path }, 3, 1);
        foreach (var part in (SampleSet[])[data.Training, data.Validation, data.Test, data.Training.Pick([3, 1])])
            Assert.Equal(part.Given().Heard(data.FrontEnd).Inputs, part.Inputs);
    }

    [Fact]
    public void Signals_in_arrays_are_heard_where_their_rate_is_said()
    {
        var random = new Random(1);
        using (var file = File.Create(_folder["signals.npz"]))
            NpzArchive.Write(file, [
                new("inputs", NpyArray.Of([.. Enumerable.Range(0, 40 * 2 * 600).Select(_ => (float)random.NextDouble())], 40, 2, 600)),
                new("labels", NpyArray.Of([.. Enumerable.Range(0, 40).Select(i => (long)(i % 2))], 40)),
            ]);
        var spec = new DataSpec { Train = _folder["signals.npz"], Features = new FeatureSpec { SampleRate = 12_000, Mels = 16 } };
        Assert.Equal([2, 16, 1], DataSets.Load(spec, 3, 1).Training.SampleShape);
        var refusal = Assert.Throws<BuildException>(() => DataSets.Load(spec with { Features = new FeatureSpec() }, 3, 1));
        Assert.Contains("data.features.sampleRate is missing", refusal.Message, StringComparison.Ordinal);
    }
}
