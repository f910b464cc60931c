using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Schemes;

/// <summary>Tables in which words are looked up, and by which they are scored as well.</summary>
public sealed class TiedTableTests
{
    private const int Words = 600, Width = 64;

    public static TheoryData<string, string, double> Cases()
    {
        var cases = new TheoryData<string, string, double>();
        foreach (var model in new[] { "matmul", "gemm" })
        {
            foreach (var scheme in new[]
            {
                "int8-static-u8s8", "int8-static-u8u8", "int8-static-s8s8", "int8-static-symmetric", "int8-dynamic", "int8-weights",
                "int4-weights", "int4-weights-hqq", "int4-weights-portable",
            })
                cases.Add(model, scheme, 0.30);
            cases.Add(model, "fp16", 0.52);
        }
        return cases;
    }

    [Theory, MemberData(nameof(Cases))]
    public void Table_that_is_tied_to_a_product_is_stored_once(string model, string scheme, double most)
    {
        using var folder = new ScratchFolder();
        var quantized = QuantizedModel.Of(Model(model), scheme, folder);
        Assert.InRange(quantized.Share, 0.2, most);
        // What is left in 4 bits is a product beside the table.
        var least = scheme.StartsWith("int4", StringComparison.Ordinal) ? 14 : 26;
        Assert.InRange(quantized.SignalToNoise(), least, 100);
        // This pass of the runtime replaces weights and their zero points, which others may read. It cannot replace twice what one
        // DequantizeLinear gives to two readers; TensorRT's file, which is so, never meets it on a device.
        if (scheme != "int8-static-symmetric")
        {
            Assert.InRange(quantized.SignalToNoise(
                new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" } }),
                least, 100);
        }
        Assert.Empty(OnnxGraph.ProblemsOf(quantized.Model.Graph));
        // Turned or not, it is a constant once it is loaded.
        Assert.DoesNotContain(quantized.Loaded(folder).Graph.Node,
            node => node.OpType == "Transpose" && scheme != "int8-static-symmetric");
        if (scheme == "int8-static-symmetric") Assert.Empty(TensorRtRules.ProblemsOf(quantized.Model));
    }

    [Theory]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-dynamic")]
    public void Product_is_still_computed_in_integers(string scheme)
    {
        using var folder = new ScratchFolder();
        foreach (var model in new[] { "matmul", "gemm" })
        {
            var loaded = QuantizedModel.Of(Model(model), scheme, folder).Loaded(folder).Graph;
            Assert.DoesNotContain(loaded.Node, node => node.OpType is "MatMul" or "Gemm" or "FusedMatMul" or "FusedGemm");
        }
    }

    [Theory]
    [InlineData("matmul")]
    [InlineData("gemm")]
    public void Float_model_itself_holds_it_once(string model)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Model(model), folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        Assert.InRange(StoredOnce.Of(prepared.Model).CalculateSize(), 1, Words * Width * 4 * 1.25);
    }

    [Fact]
    public void Product_that_is_kept_for_accuracy_keeps_the_table_too()
    {
        using var folder = new ScratchFolder();
        var kept = QuantizedModel.Of(Model("gemm"), "int8-dynamic", folder, new HashSet<string> { "y" });
        Assert.Single(kept.Model.Graph.Initializer, tensor => tensor.Dims.SequenceEqual([Words, Width]) && tensor.Is(DataType.Float));
        Assert.DoesNotContain(kept.Model.Graph.Initializer, tensor => tensor.Dims.Contains(Words) && tensor.Is(DataType.Int8));
    }

    [Theory]
    [InlineData("int8-static-u8s8")]
    [InlineData("int8-dynamic")]
    [InlineData("int8-weights")]
    public void Weights_that_two_layers_share_load_with_the_pass_that_widens_them(string scheme)
    {
        using var folder = new ScratchFolder();
        var shared = new GraphBuilder().Input("x", 1, 4, Width).Weight("w", Width, Width).Node("MatMul", ["x", "w"], "a")
            .Node("Relu", ["a"], "r").Node("MatMul", ["r", "w"], "b").Node("Tanh", ["b"], "y").Output("y", 1, 4, Width).Build();
        var quantized = QuantizedModel.Of(shared, scheme, folder);
        Assert.InRange(quantized.Share, 0.2, 0.5);
        Assert.InRange(quantized.SignalToNoise(
            new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" } }), 20, 100);
    }

    /// <summary>Kept in 16 bits by itself it would be stored beside the table.</summary>
    [Theory]
    [InlineData("matmul")]
    [InlineData("gemm")]
    public void Small_product_of_the_answers_goes_with_the_table_that_it_is_tied_to(string name)
    {
        using var folder = new ScratchFolder();
        var model = Model(name);
        model.Graph.Initializer.Add(Tensors.Of("large", new float[Width * 40 * Words], Width, 40 * Words));
        model.Graph.Node.Add(Nodes.Node("MatMul", ["t", "large"], ["z"]));
        model.Graph.Output.Add(new ValueInfoProto(model.Graph.Output[0]) { Name = "z", Type = new TypeProto() });
        OnnxFile.Save(model, folder.File("m.onnx"));
        Assert.Empty(OutputProducts.Of(PreparedModel.From(folder.File("m.onnx"), folder.Path).Graph));
    }

    private static ModelProto Model(string name)
    {
        var graph = new GraphBuilder().Weight("table", Words, Width).Weight("w", Width, Width).Node("Gather", ["table", "ids"], "e")
            .Node("MatMul", ["e", "w"], "m").Node("Tanh", ["m"], "t");
        var model = (name == "gemm"
            ? graph.Node("Gemm", ["t", "table"], "y", node => node.With("transB", 1)).Output("y", 6, Words)
            : graph.Node("Transpose", ["table"], "turned", node => node.With("perm", [1, 0])).Node("MatMul", ["t", "turned"], "y")
                .Output("y", 6, Words)).Build();
        var ids = new TypeProto.Types.Tensor { ElemType = (int)DataType.Int64, Shape = new TensorShapeProto() };
        ids.Shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = 6 });
        model.Graph.Input.Add(new ValueInfoProto { Name = "ids", Type = new TypeProto { TensorType = ids } });
        return model;
    }
}
