using Fleet.Contracts.Devices;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Variants;
using Fleet.Quantization.Writing;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Students;

public sealed class EmbeddingTablesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public EmbeddingTablesTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("int8-static-u8s8", 20)]
    [InlineData("int8-dynamic", 20)]
    [InlineData("int4-weights-hqq", 15)]
    [InlineData("int4-weights-portable", 15)]
    public void Encoder_becomes_integers_with_its_table(string name, double decibels)
    {
        var (prepared, feeds) = Encoder();
        var scheme = QuantizationSchemes.Named(name);
        var histograms = CalibrationRun.Count(
            prepared.Model, [.. scheme.CalibratedValues(prepared.Graph)], feeds, 16, CancellationToken.None);
        var model = scheme.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string>());
        OnnxFile.Save(model, _folder["q.onnx"]);

        Assert.Empty(OnnxGraph.ProblemsOf(model.Graph));
        Assert.DoesNotContain(model.Graph.Initializer,
            tensor => tensor.Is(Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType.Float) && tensor.Elements() >= 4096);
        Assert.InRange((double)new FileInfo(_folder["q.onnx"]).Length / new FileInfo(_folder["m.onnx"]).Length, 0, 0.45);
        Assert.Contains(model.MetadataProps, entry => entry.Key == Vocabulary.Key);

        using var one = OnnxRuntimeSession.Open(_folder["m.onnx"]);
        using var other = OnnxRuntimeSession.Open(
            _folder["q.onnx"], BuiltInProfiles.X64.Runtime.On(ThisMachine.Facts.IsaFlags));
        var closeness = AllOutputs.Of(other, feeds, CancellationToken.None)
            .Against(AllOutputs.Of(one, feeds, CancellationToken.None));
        Assert.True(closeness.SignalToNoise > decibels, $"{closeness.SignalToNoise}");
    }

    [Theory]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-dynamic")]
    [InlineData("int4-weights-hqq")]
    [InlineData("int4-weights-portable")]
    public void Table_that_costs_accuracy_can_be_returned_to_float(string name)
    {
        var (prepared, feeds) = Encoder();
        var (scheme, table) = (QuantizationSchemes.Named(name), EmbeddingTables.Of(prepared.Graph).Single());
        var picked = EmbeddingTables.OperatorsOf(prepared.Graph).Single();
        Assert.Contains(picked, scheme.OperatorsOf(prepared.Graph));
        var histograms = CalibrationRun.Count(
            prepared.Model, [.. scheme.CalibratedValues(prepared.Graph)], feeds, 16, CancellationToken.None);
        var model = scheme.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string> { picked });
        Assert.Equal(table.ToSingles(), new OnnxGraph(model).Constant(table.Name)!.ToSingles());
    }

    [Fact]
    public void Nothing_of_a_static_encoder_is_dequantized_at_every_run()
    {
        var (prepared, feeds) = Encoder();
        var histograms = CalibrationRun.Count(
            prepared.Model, [.. QuantizationSchemes.Int8U8S8.CalibratedValues(prepared.Graph)], feeds, 16, CancellationToken.None);
        OnnxFile.Save(QuantizationSchemes.Int8U8S8.Apply(
            new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string>()), _folder["q.onnx"]);
        Assert.Empty(FusionCheck.UnfusedOperatorsOf(_folder["q.onnx"], OnnxRuntimeSession.Plain));
    }

    /// <summary>A text model with a table of 500 pieces.</summary>
    private (PreparedModel Model, SampleFeeds Feeds) Encoder()
    {
        var random = new Random(1);
        var samples = new SampleSet(
            [.. Enumerable.Range(0, 32 * 12).Select(place => place % 12 < 7 ? (float)random.Next(1, 500) : 0)], [12], new long[32])
        {
            Vocabulary = new Vocabulary([.. Enumerable.Range(0, 500).Select(number => $"piece{number}")]),
        };
        using (var network = new Network(
            Families.Student("encoder", 32, [12], new Classifier(5), 2, samples.Vocabulary), Normalization.None, 1))
            CheckedExport.Write(network, _folder["m.onnx"], samples);
        return (PreparedModel.From(_folder["m.onnx"], _folder.Path), samples.Feeds(StudentExport.Input));
    }
}
