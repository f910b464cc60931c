using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;
using DataLocation = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataLocation;

namespace Fleet.Quantization.Tests.Onnx;

public sealed class OnnxFileTests
{
    [Fact]
    public void Model_survives_the_file()
    {
        using var folder = new ScratchFolder();
        var model = Model();
        OnnxFile.Save(model, folder.File("m.onnx"));
        Assert.Equal(model, OnnxFile.Load(folder.File("m.onnx")));
        Assert.Equal(["m.onnx"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("not a model at all")]
    [InlineData("")]
    public void File_that_is_not_a_model_is_refused_by_name(string content)
    {
        using var folder = new ScratchFolder();
        File.WriteAllText(folder.File("notes.onnx"), content);
        Assert.Contains("notes.onnx", Assert.Throws<InvalidDataException>(() => OnnxFile.Load(folder.File("notes.onnx"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Fields_this_program_does_not_know_are_kept()
    {
        var bytes = Model().ToByteArray();
        byte[] withUnknown = [.. bytes, 0xD2, 0x0F, 0x03, 1, 2, 3]; // field 250
        Assert.Equal(withUnknown.Order(), OnnxFile.Parse(withUnknown, "m").ToByteArray().Order());
    }

    [Fact]
    public void Weights_in_another_file_are_read()
    {
        using var folder = new ScratchFolder();
        var model = External(folder, "weights.bin", offset: 8, length: 16);
        File.WriteAllBytes(folder.File("weights.bin"),
            [.. new byte[8], .. new byte[] { 0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64 }]);
        var loaded = OnnxFile.Load(model).Graph.Initializer[0];
        Assert.Equal([1f, 2, 3, 4], loaded.ToSingles());
        Assert.Equal(DataLocation.Default, loaded.DataLocation);
    }

    [Theory]
    [InlineData("../secret.bin")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/../../secret.bin")]
    public void Weights_outside_the_models_folder_are_refused(string location)
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder.File("model/sub"));
        File.WriteAllBytes(folder.File("secret.bin"), new byte[64]);
        var model = External(folder, location, 0, 16, "model/m.onnx");
        Assert.Contains("outside", Assert.Throws<InvalidDataException>(() => OnnxFile.Load(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_behind_a_link_are_refused()
    {
        using var folder = new ScratchFolder();
        Directory.CreateDirectory(folder.File("model"));
        File.WriteAllBytes(folder.File("secret.bin"), new byte[64]);
        File.CreateSymbolicLink(folder.File("model/weights.bin"), folder.File("secret.bin"));
        var model = External(folder, "weights.bin", 0, 16, "model/m.onnx");
        Assert.Contains("link", Assert.Throws<InvalidDataException>(() => OnnxFile.Load(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Model_behind_a_link_has_the_bytes_of_the_file()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(TinyModels.Gemm(), folder.File("m.onnx"));
        File.CreateSymbolicLink(folder.File("link.onnx"), folder.File("m.onnx"));
        Assert.Equal(new FileInfo(folder.File("m.onnx")).Length, OnnxFile.BytesOf(folder.File("link.onnx")));
    }

    /// <summary>The bytes of a model are searched for the name of a file, 64 KiB at a time.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(65_400)]
    [InlineData(65_480)]
    [InlineData(65_500)]
    [InlineData(65_520)]
    [InlineData(131_000)]
    public void Bytes_of_a_model_count_its_files_wherever_they_are_named(int before)
    {
        using var folder = new ScratchFolder();
        var path = External(folder, "weights.bin", 0, 16);
        File.WriteAllBytes(folder.File("weights.bin"), new byte[16]);
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        var tensors = model.Graph.Initializer.ToArray();
        model.Graph.Initializer.Clear();
        var bytes = model.CalculateSize();
        // Constants come in front of it, the last of them so long that the name moves by single bytes.
        for (var more = 0; more < 40; more++)
        {
            var (padded, pad) = (model.Clone(), new byte[Math.Max(1, before - bytes + more)]);
            padded.Graph.Initializer.Add(Tensors.Of("pad", pad, pad.Length));
            padded.Graph.Initializer.AddRange(tensors);
            File.WriteAllBytes(path, padded.ToByteArray());
            Assert.Equal(new FileInfo(path).Length + 16, OnnxFile.BytesOf(path));
        }
    }

    [Fact]
    public void Missing_or_short_weights_are_refused_by_the_tensors_name()
    {
        using var folder = new ScratchFolder();
        var model = External(folder, "weights.bin", 0, 16);
        Assert.Contains("'w'", Assert.Throws<InvalidDataException>(() => OnnxFile.Load(model)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(folder.File("weights.bin"), new byte[12]);
        Assert.Contains("needs 16 bytes", Assert.Throws<InvalidDataException>(() => OnnxFile.Load(model)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Values_in_typed_fields_are_read_like_raw_ones()
    {
        var typed = new TensorProto { Name = "t", DataType = 1, Dims = { 2 }, FloatData = { 1.5f, -2 } };
        Assert.Equal([1.5f, -2], typed.ToSingles());
        var half = new TensorProto { Name = "h", DataType = 10, Dims = { 1 }, Int32Data = { 0x3C00 } };
        Assert.Equal([1f], half.ToSingles());
        var cut = new TensorProto { Name = "cut", DataType = 1, Dims = { 3 }, FloatData = { 1 } };
        Assert.Contains("'cut'", Assert.Throws<InvalidDataException>(() => cut.ToSingles()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Broken_graph_is_refused_by_the_node_that_breaks_it()
    {
        using var folder = new ScratchFolder();
        var path = new GraphBuilder().Input("x", 1)
            .Node("Relu", ["missing"], "y", node => node.Name = "lonely").Output("y", 1).Save(folder);
        Assert.Contains("lonely reads 'missing'", Assert.Throws<InvalidDataException>(() => PreparedModel.From(path, folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Operator_the_runtime_does_not_have_is_refused_in_its_words()
    {
        using var folder = new ScratchFolder();
        var path = new GraphBuilder().Input("x", 1).Node("Hovercraft", ["x"], "y").Output("y", 1).Save(folder);
        Assert.Contains("Hovercraft", Assert.Throws<InvalidDataException>(() => PreparedModel.From(path, folder.Path)).Message,
            StringComparison.Ordinal);
        Assert.Equal(["model.onnx"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Subgraph_reads_the_new_name_of_what_it_takes_from_outside_and_keeps_its_own()
    {
        var branch = new GraphProto { Name = "then", Output = { new ValueInfoProto { Name = "z" } } };
        branch.Node.Add(Nodes.Node("Add", ["outer", "own"], ["z"]));
        branch.Initializer.Add(Tensors.Of("own", [1f], 1));
        var node = Nodes.Node("If", ["condition"], ["y"]);
        node.Attribute.Add(new AttributeProto { Name = "then_branch", Type = AttributeProto.Types.AttributeType.Graph, G = branch });
        Assert.Equal(["condition", "outer"], OnnxGraph.ValuesReadBy(node));
        OnnxGraph.Rewire(node, "outer", "renamed");
        OnnxGraph.Rewire(node, "own", "stolen");
        Assert.Equal(["renamed", "own"], branch.Node[0].Input);
    }

    private static ModelProto Model()
        => new GraphBuilder().Input("x", 1, 4).Weight("w", 4, 2).Node("MatMul", ["x", "w"], "y").Output("y", 1, 2).Build();

    private static string External(ScratchFolder folder, string location, long offset, long length, string name = "m.onnx")
    {
        var model = new GraphBuilder().Input("x", 1, 2).Constant(new TensorProto
        {
            Name = "w",
            DataType = 1,
            Dims = { 2, 2 },
            DataLocation = DataLocation.External,
            ExternalData = { Entry("location", location), Entry("offset", $"{offset}"), Entry("length", $"{length}") },
        }).Node("MatMul", ["x", "w"], "y").Output("y", 1, 2).Build();
        OnnxFile.Save(model, folder.File(name));
        return folder.File(name);
    }

    private static StringStringEntryProto Entry(string key, string value) => new() { Key = key, Value = value };

    [Theory]
    [InlineData("[ErrorCode:Fail] Load model from /tmp/x/plain.onnx failed:Node (g) Op (Gemm) [ShapeInferenceError] First input does not "
        + "have rank 2", "Node (g) Op (Gemm) [ShapeInferenceError] First input does not have rank 2.")]
    [InlineData("[ErrorCode:Fail] /home/x/onnxruntime/core/graph/graph.cc:12 void onnxruntime::Graph::Do(const std::map<int, f()>&, bool) "
        + "const node was false.\n==> Context: more", "node was false.")]
    [InlineData("[ErrorCode:RuntimeException] std::bad_alloc", "It needs more memory than this process may have.")]
    public void Reason_of_the_runtime_is_one_line_without_places_in_its_source(string message, string expected)
        => Assert.Equal(expected, RuntimeRefusal.Of(new InvalidOperationException(message)));

    [Fact]
    public void Pad_with_an_empty_list_is_left_to_the_runtime()
        => Assert.Null(ModelChecks.ProblemOf(new GraphBuilder(opset: 9).Input("x", 1, 4)
            .Node("Pad", ["x"], "y", node => node.With("pads", Array.Empty<long>())).Output("y", 1, 4).Build()));
}
