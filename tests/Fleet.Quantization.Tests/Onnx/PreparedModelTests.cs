using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>What the quantizer sees of a model, and what stays of it.</summary>
public sealed class PreparedModelTests
{
    public static TheoryData<string, bool> Ways => new()
    {
        { "Identity", false }, { "Transpose", false }, { "Reshape", false }, { "all", false },
        { "Identity", true }, { "Transpose", true }, { "Reshape", true }, { "all", true },
    };

    [Fact]
    public void Full_disk_is_not_called_a_model_that_cannot_be_loaded()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.Gemm(), folder.File("m.onnx"));
        // What the runtime writes there meets a disk without room.
        File.CreateSymbolicLink(folder.File("folded.onnx"), "/dev/full");
        var full = Assert.Throws<IOException>(() => PreparedModel.From(folder.File("m.onnx"), folder.Path));
        Assert.Equal($"The prepared copy of m.onnx could not be written into {folder.Path}; make room there.", full.Message);
        Assert.True(File.Exists("/dev/full"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Weights_too_small_to_be_normal_are_zeros_and_all_others_stay(bool raw)
    {
        using var folder = new ScratchFolder();
        var model = TinyModels.Gemm();
        var weight = model.Graph.Initializer[0];
        var values = weight.ToSingles();
        (values[0], values[1], values[2]) = (float.Epsilon, -1.1e-38f, 1.2e-38f);
        weight.RawData = raw ? Tensors.Of("", values).RawData : Google.Protobuf.ByteString.Empty;
        if (!raw)
        {
            weight.ClearRawData();
            weight.FloatData.AddRange(values);
        }
        OnnxFile.Save(model, folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path).Model.Graph.Initializer;
        Assert.Equal([0, 0, .. values[2..]], prepared.Single(kept => kept.Name == weight.Name).ToSingles());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Weight_behind_operators_that_move_it_is_a_weight(string way, bool inBranch)
    {
        using var folder = new ScratchFolder();
        var model = ScopesTests.Branches(sameWeights: false);
        var graph = inBranch ? model.Graph.Node[0].Attribute[0].G : model.Graph;
        // In the branch the weight comes from outside.
        var (weight, moving) = Moved(way);
        model.Graph.Initializer.Add(weight);
        model.Graph.Initializer.Add(Tensors.Of("extents", [16L, 16], 2));
        NodeProto[] nodes = [.. moving, Nodes.Node("MatMul", [inBranch ? "z" : "x", "moved"], ["product"])];
        if (!inBranch) graph.Node.Clear();
        graph.Node.AddRange(nodes);
        graph.Output[0].Name = "product";
        OnnxFile.Save(model, folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        Assert.Equal(inBranch ? ["If", "MatMul", "MatMul", "MatMul"] : ["MatMul"],
            Scopes.NodesOf(prepared.Model.Graph).Select(node => node.OpType));
        if (!inBranch) Assert.Equal(["product"], QuantizationSchemes.Named("int8-static-u8s8").OperatorsOf(prepared.Graph));
        Assert.Contains("product", QuantizationSchemes.Named("int8-weights").OperatorsOf(prepared.Graph));
    }

    [Fact]
    public void Notes_of_people_stay_and_traces_of_exporters_go()
    {
        using var folder = new ScratchFolder();
        var model = TinyModels.MatMulAdd();
        (model.DocString, model.Graph.DocString) = ("Counts apples.\nTrained in May.", "The network.");
        (model.Graph.Input[0].DocString, model.Graph.Output[0].DocString) = ("Grams.", "Apples.");
        model.Graph.Node[0].DocString = "The first layer.";
        model.Graph.Node[3].DocString = "net.py(12): forward\nmodule.py(1110): _call_impl\n";
        OnnxFile.Save(model, folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var source = new QuantizationSource(
            prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"));
        OnnxFile.Save(QuantizationSchemes.Named("int8-weights").Apply(source, new HashSet<string>()), folder.File("q.onnx"));
        var kept = OnnxFile.Load(folder.File("q.onnx"));
        Assert.Equal(("Counts apples.\nTrained in May.", "The network."), (kept.DocString, kept.Graph.DocString));
        Assert.Equal(("Grams.", "Apples."), (kept.Graph.Input[0].DocString, kept.Graph.Output[0].DocString));
        Assert.Equal(["The first layer."], kept.Graph.Node.Select(node => node.DocString).Where(text => text.Length > 0));
    }

    private static (TensorProto Weight, NodeProto[] Moving) Moved(string way)
    {
        var values = new float[256];
        for (var i = 0; i < values.Length; i++) values[i] = MathF.Sin(i);
        var flat = Tensors.Of("flat", values, 256);
        var square = Tensors.Of("flat", values, 16, 16);
        return way switch
        {
            "Identity" => (square, [Nodes.Node("Identity", ["flat"], ["moved"])]),
            "Transpose" => (square, [Nodes.Node("Transpose", ["flat"], ["moved"]).With("perm", [1, 0])]),
            "Reshape" => (flat, [Nodes.Node("Reshape", ["flat", "extents"], ["moved"])]),
            _ => (flat, [
                Nodes.Node("Identity", ["flat"], ["same"]), Nodes.Node("Reshape", ["same", "extents"], ["square"]),
                Nodes.Node("Transpose", ["square"], ["moved"]).With("perm", [1, 0]),
            ]),
        };
    }
}
