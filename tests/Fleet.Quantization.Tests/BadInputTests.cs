using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Onnx;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataLocation = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataLocation;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests;

/// <summary>
/// What <c>fleet models quantize</c> says of everything that cannot be quantized: the built program, one sentence that names
/// the thing, an exit code, and a folder for the results in which nothing is new.
/// </summary>
public sealed class BadInputTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>Writes what is wrong into a folder: <c>m.onnx</c>, and <c>samples.npz</c> where samples are meant.</summary>
    private delegate void Make(ScratchFolder folder);

    /// <summary>By what is wrong: how it is made, and what the sentence must hold.</summary>
    private static readonly Dictionary<string, (Make Make, string[] Says)> Rows = new()
    {
        ["no file"] = (_ => { }, ["m.onnx does not exist"]),
        ["no model"] = (folder => File.WriteAllText(folder.File("m.onnx"), "a letter"), ["m.onnx is not an ONNX model"]),
        ["empty file"] = (folder => File.WriteAllText(folder.File("m.onnx"), ""), ["m.onnx is not an ONNX model"]),
        ["half a model"] = (folder =>
        {
            Save(folder, Product());
            File.WriteAllBytes(folder.File("m.onnx"), File.ReadAllBytes(folder.File("m.onnx"))[..^40]);
        }, ["m.onnx is not an ONNX model"]),
        ["custom operators"] = (Broken(model => model.Graph.Node[0].Domain = "com.example"),
            ["uses custom operators (com.example.MatMul)", "export the model without them"]),
        ["unknown operator"] = (Broken(model => model.Graph.Node[0].OpType = "Hovercraft"), ["m.onnx", "Hovercraft"]),
        ["Gemm of three axes"] = (
            folder => Save(folder, new GraphBuilder().Input("x", 1, 2, 4).Weight("w", 4, 2).Node("Gemm", ["x", "w"], "y").Output("y", 1, 2)
                .Build()), ["m.onnx", "Gemm"]),
        ["cycle"] = (folder => Save(folder,
            new GraphBuilder().Input("x", 1, 4).Node("Add", ["x", "b"], "a").Node("Relu", ["a"], "b").Output("b", 1, 4).Build()),
                ["m.onnx is broken", "its operators wait for each other in a circle"]),
        ["output made twice"] = (
            Broken(model => model.Graph.Node.Add(Nodes.Node("Relu", ["x"], ["y"]))), ["makes 'y', which is already there"]),
        ["missing constant"] = (Broken(model => model.Graph.Initializer.Clear()), ["reads 'w', which nothing before it makes"]),
        ["constant of the wrong size"] = (
            Broken(model => model.Graph.Initializer[0].Dims[0] = 5), ["tensor 'w' of shape (5, 2) needs 40 bytes and holds 32"]),
        ["negative extent"] = (Broken(model => model.Graph.Initializer[0].Dims[0] = -4), ["tensor 'w' has extent -4"]),
        ["huge extents"] = (Broken(model => model.Graph.Initializer[0].Dims[0] = 1L << 62),
            ["tensor 'w' of shape (4611686018427387904, 2) has more than"]),
        ["huge input"] = (Broken(model => model.Graph.Input[0].Type.TensorType.Shape.Dim[0].DimValue = 1L << 40),
            ["'x' is declared with more than"]),
        ["unknown element type"] = (Broken(model => model.Graph.Initializer[0].DataType = 77), ["tensor 'w' has element type 77"]),
        ["broken branch"] = (folder =>
        {
            var model = ScopesTests.Branches(sameWeights: false);
            model.Graph.Node[0].Attribute[0].G.Node[0].Input[1] = "nowhere";
            Save(folder, model);
        }, ["reads 'nowhere', which nothing before it makes"]),
        ["function that calls itself"] = (Broken(model =>
        {
            model.Graph.Node[0].Domain = "own";
            model.Functions.Add(new FunctionProto
            {
                Domain = "own",
                Name = "MatMul",
                Input = { "a", "b" },
                Output = { "c" },
                Node = { Nodes.Node("MatMul", ["a", "b"], ["c"], domain: "own") },
                OpsetImport = { new OperatorSetIdProto { Version = 17 } },
            });
        }), ["its function own.MatMul calls itself"]),
        ["format of the future"] = (Broken(model => model.IrVersion = 14), ["format version 14", "reads 1 to 13", "export it again"]),
        ["custom operators alone"] = (Broken(model =>
        {
            model.Graph.Node[0].Domain = "com.example";
            model.OpsetImport.Clear();
            model.Declare("com.example", 1);
        }), ["uses custom operators (com.example.MatMul)"]),
        ["operator set of the future"] = (
            Broken(model => model.Declare("", 27)), ["operator set 27", "7 to 26 are read", "export it again"]),
        ["operator set of the past"] = (Broken(model => model.Declare("", 6)), ["operator set 6", "7 to 26 are read"]),
        ["scan of the past"] = (folder =>
        {
            var body = new GraphBuilder().Input("s", 2).Input("e", 2).Node("Add", ["s", "e"], "t").Output("t", 2).Build().Graph;
            Save(folder, new GraphBuilder(8).Input("x", 1, 2).Input("steps", 1, 3, 2).Output("y", 1, 2)
                .Node("Scan", ["", "x", "steps"], "y", node =>
            {
                node.With("num_scan_inputs", 1);
                node.Attribute.Add(new AttributeProto { Name = "body", Type = AttributeType.Graph, G = body });
            }).Build());
        }, ["Scan of operator set 8", "set 9 or later"]),
        ["missing weights file"] = (External("weights.bin", _ => { }), ["'w' lies in 'weights.bin', which is missing beside the model"]),
        ["weights file too short"] = (
            External("weights.bin", folder => File.WriteAllBytes(folder.File("weights.bin"), new byte[8])), ["needs 32 bytes", "has 8"]),
        ["weights by an absolute path"] = (External("/etc/hostname", _ => { }), ["'/etc/hostname', which is outside the model's folder"]),
        ["weights above the folder"] = (External("../weights.bin", _ => { }), ["'../weights.bin', which is outside the model's folder"]),
        ["weights behind a link"] = (
            External("weights.bin", folder => File.CreateSymbolicLink(folder.File("weights.bin"), "/etc/hostname")),
            ["'weights.bin', which is a link"]),
        ["weights in a linked folder"] = (External("sub/hostname", folder => Directory.CreateSymbolicLink(folder.File("sub"), "/etc")),
            ["'sub/hostname', which is a link"]),
        ["constant that explodes"] = (
            Exploding("ConstantOfShape", [1L << 20, 1L << 20]), ["would explode in memory", "ConstantOfShape", "1099511627776 values"]),
        ["expansion that explodes"] = (Exploding("Expand", [1L << 20, 1L << 20]), ["would explode in memory", "Expand"]),
        ["tiles that explode"] = (Exploding("Tile", [1L << 20, 1L << 20]), ["would explode in memory", "Tile"]),
        ["constants that double"] = (folder =>
        {
            var graph = new GraphBuilder().Input("x", 1).Constant(Tensors.Of("c0", new float[1024], 1024));
            for (var i = 0; i < 40; i++) graph.Node("Concat", [$"c{i}", $"c{i}"], $"c{i + 1}", node => node.With("axis", 0));
            Save(folder, graph.Node("Add", ["x", "c40"], "y").Output("y", -1).Build());
        }, ["m.onnx", "memory"]),
        ["nothing to compute"] = (
            folder => Save(folder, new GraphBuilder().Constant(Tensors.Of("c", new float[4], 4)).Node("Identity", ["c"], "y").Output("y", 4)
                .Build()), ["m.onnx computes nothing"]),
        ["random numbers"] = (folder =>
            Save(folder, new GraphBuilder().Input("x", -1, 4).Node("Sigmoid", ["x"], "p").Node("Bernoulli", ["p"], "y").Output("y", -1, 4)
                .Build()), ["m.onnx answers the same samples differently each time", "random"]),
        ["no number for an answer"] = (
            folder => Save(folder, new GraphBuilder().Input("x", -1, 4).Constant(Tensors.Of("minus", [-9f]))
                .Node("Add", ["x", "minus"], "a").Node("Log", ["a"], "y").Output("y", -1, 4).Build()),
                    ["zero, or not finite, for every one of these samples", "give samples"]),
        ["nothing but zero for an answer"] = (
            folder => Save(folder, new GraphBuilder().Input("x", -1, 4).Constant(Tensors.Of("minus", [-9f]))
                .Node("Add", ["x", "minus"], "a").Node("Relu", ["a"], "y").Output("y", -1, 4).Build()),
                    ["zero, or not finite, for every one of these samples", "give samples"]),
        ["no sample array"] = (Samples(new() { ["z"] = NpyArray.Of(new float[8], 2, 4), ["q"] = NpyArray.Of(new float[8], 2, 4) }),
            ["samples.npz has no array for input 'x'", "it has q, z"]),
        ["samples of another shape"] = (Samples(new() { ["x"] = NpyArray.Of(new float[10], 2, 5) }),
            ["samples.npz", "shape (2, 5) does not fit input 'x' Float (any, 4)"]),
        ["samples that are not numbers"] = (Samples(new() { ["x"] = NpyArray.Of([1f, 2, float.NaN, 4], 1, 4) }),
            ["samples.npz: array 'x' holds NaN in sample 0", "repair or leave out"]),
        ["samples without bound"] = (Samples(new() { ["x"] = NpyArray.Of([1f, 2, 3, 4, 5, float.NegativeInfinity, 7, 8], 2, 4) }),
            ["samples.npz: array 'x' holds -Infinity in sample 1"]),
        ["no samples"] = (Samples(new() { ["x"] = NpyArray.Of(Array.Empty<float>(), 0, 4) }), ["samples.npz", "at least one"]),
        ["samples that are not an archive"] = (folder =>
        {
            Save(folder, Product());
            File.WriteAllText(folder.File("samples.npz"), "not a zip");
        }, ["samples.npz", "npz"]),
        ["fractions for numbers of tokens"] = (
            Tokens(NpyArray.Of([0.5f, 1], 1, 2)), ["array 'ids' holds 0.5 in sample 0", "takes whole numbers"]),
        ["vocabulary larger than the model's"] = (
            Tokens(NpyArray.Of([3L, 50256], 1, 2)), ["array 'ids' holds 50256 in sample 0", "table 'table' has 10 rows", "tokenizer"]),
        ["labels as output"] = (folder => Save(folder, Cast()), ["no float output"]),
    };

    public static TheoryData<string> Wrongs => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Wrongs))]
    public async Task What_cannot_be_used_is_refused_in_one_sentence_and_nothing_is_written(string wrong)
    {
        using var folder = new ScratchFolder();
        Rows[wrong].Make(folder);
        string[] before = [.. Directory.EnumerateFileSystemEntries(folder.Path).Order()];
        List<string> arguments = [folder.File("m.onnx"), "--profile", "x64", "--memory", "1.5", "--out", folder.File("new/out")];
        if (File.Exists(folder.File("samples.npz")))
            arguments.AddRange(["--calibration", folder.File("samples.npz"), "--validation", folder.File("samples.npz")]);
        var result = await FleetModels.QuantizeAsync(arguments, Deadline);

        Assert.Equal(1, result.Code);
        var sentence = Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.All(Rows[wrong].Says, part => Assert.Contains(part, sentence, StringComparison.Ordinal));
        Assert.InRange(sentence.Length, 20, 700);
        Assert.DoesNotContain("Exception", sentence, StringComparison.Ordinal);
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(folder.Path).Order());
    }

    private static Make Broken(Action<ModelProto> change) => folder =>
    {
        var model = Product();
        change(model);
        Save(folder, model);
    };

    private static Make External(string location, Action<ScratchFolder> rest) => folder =>
    {
        var model = Product();
        var weight = model.Graph.Initializer[0];
        weight.ClearRawData();
        weight.DataLocation = DataLocation.External;
        weight.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        weight.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = "32" });
        Save(folder, model);
        rest(folder);
    };

    private static Make Exploding(string operation, long[] shape) => folder => Save(folder,
        new GraphBuilder().Input("x", 1, 1).Constant(Tensors.Of("shape", shape, shape.Length)).Constant(Tensors.Of("one", [1f], 1, 1))
            .Node(operation, operation == "ConstantOfShape" ? ["shape"] : ["one", "shape"], "big").Node("Add", ["x", "big"], "y")
            .Output("y", -1, -1).Build());

    private static Make Samples(Dictionary<string, NpyArray> arrays) => folder =>
    {
        Save(folder, Product());
        Write(folder, arrays);
    };

    private static Make Tokens(NpyArray ids) => folder =>
    {
        var model = new GraphBuilder().Weight("table", 10, 4).Node("Gather", ["table", "ids"], "y").Output("y", 1, 2, 4).Build();
        model.Graph.Input.Add(new ValueInfoProto
        {
            Name = "ids",
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor
                {
                    ElemType = (int)DataType.Int64,
                    Shape = new TensorShapeProto { Dim = { Extent(1), Extent(2) } },
                },
            },
        });
        Save(folder, model);
        Write(folder, new() { ["ids"] = ids });
    };

    private static TensorShapeProto.Types.Dimension Extent(long extent) => new() { DimValue = extent };

    private static ModelProto Product()
        => new GraphBuilder().Input("x", -1, 4).Weight("w", 4, 2).Node("MatMul", ["x", "w"], "y").Output("y", -1, 2).Build();

    private static ModelProto Cast()
    {
        var model = Product();
        var cast = Nodes.Node("Cast", ["y"], ["n"]);
        cast.Attribute.Add(new AttributeProto { Name = "to", Type = AttributeType.Int, I = (long)DataType.Int64 });
        model.Graph.Node.Add(cast);
        model.Graph.Output[0].Name = "n";
        model.Graph.Output[0].Type.TensorType.ElemType = (int)DataType.Int64;
        return model;
    }

    private static void Save(ScratchFolder folder, ModelProto model) => OnnxFile.Save(model, folder.File("m.onnx"));

    private static void Write(ScratchFolder folder, Dictionary<string, NpyArray> arrays)
    {
        using var file = File.Create(folder.File("samples.npz"));
        NpzArchive.Write(file, arrays);
    }
}
