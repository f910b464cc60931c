using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>
/// Models larger than one file of the format may be, whose weights lie in a file beside them. What one file may hold is set to some bytes.
/// </summary>
public sealed class ExternalDataTests
{
    private const long Largest = 8192;

    [Fact]
    public void Model_larger_than_one_file_is_written_in_two_and_read_as_it_was()
    {
        using var folder = new ScratchFolder();
        var model = Model();
        OnnxFile.Save(model, folder.File("m.onnx"), Largest);
        Assert.Equal(["m.onnx", "m.onnx.data"], Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order());
        Assert.InRange(new FileInfo(folder.File("m.onnx")).Length, 1, 1024);
        Assert.Equal(64 * 64 * 4, model.Graph.Initializer[0].RawData.Length); // the given one is not changed
        Assert.Equal(model, OnnxFile.Load(folder.File("m.onnx")));
        Assert.InRange(OnnxFile.BytesOf(folder.File("m.onnx")), 2 * 64 * 64 * 4, 2 * 64 * 64 * 4 + 8192);
        using var session = OnnxRuntimeSession.Open(folder.File("m.onnx"));
        Assert.Equal(["y"], session.OutputNames);
    }

    [Fact]
    public void Weights_begin_at_pages_and_small_constants_stay_in_the_model()
    {
        using var folder = new ScratchFolder();
        var model = Model();
        model.Graph.Initializer.Insert(1, Tensors.Of("small", [1f, 2]));
        OnnxFile.Save(model, folder.File("m.onnx"), Largest);
        var written = OnnxFile.Parse(File.ReadAllBytes(folder.File("m.onnx")), "m").Graph.Initializer;
        Assert.Equal([true, false, true], written.Select(tensor => tensor.ExternalData.Count > 0));
        Assert.All(written.SelectMany(tensor => tensor.ExternalData).Where(entry => entry.Key == "offset"),
            entry => Assert.Equal(0, long.Parse(entry.Value, System.Globalization.CultureInfo.InvariantCulture) % 4096));
    }

    [Fact]
    public void Model_that_became_small_leaves_no_weights_of_the_larger_one_beside_it()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Model(), folder.File("m.onnx"), Largest);
        OnnxFile.Save(Model(), folder.File("m.onnx"));
        Assert.Equal(["m.onnx"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Weights_in_a_branch_are_written_apart_too()
    {
        using var folder = new ScratchFolder();
        var model = ScopesTests.Branches(sameWeights: false);
        OnnxFile.Save(model, folder.File("m.onnx"), largest: 1024);
        Assert.InRange(new FileInfo(folder.File("m.onnx")).Length, 1, 1024);
        Assert.Equal(model, OnnxFile.Load(folder.File("m.onnx")));
        OnnxRuntimeSession.Open(folder.File("m.onnx")).Dispose();
    }

    [Fact]
    public void Weights_that_several_tensors_share_are_read_once()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Model(), folder.File("m.onnx"), Largest);
        var tied = OnnxFile.Parse(File.ReadAllBytes(folder.File("m.onnx")), "m");
        tied.Graph.Initializer[1].ExternalData.Clear();
        tied.Graph.Initializer[1].ExternalData.AddRange(tied.Graph.Initializer[0].ExternalData.Clone());
        OnnxFile.Save(tied, folder.File("m.onnx.tied"));
        var loaded = OnnxFile.Load(folder.File("m.onnx.tied")).Graph.Initializer;
        Assert.Same(loaded[0].RawData, loaded[1].RawData);
    }

    [Fact]
    public void Model_too_large_for_memory_of_the_runtime_is_opened_by_way_of_a_file_that_does_not_stay()
    {
        var model = Model();
        var before = Directory.GetDirectories(Path.GetTempPath(), "fleet-model-*").Length;
        using var session = OnnxRuntimeSession.Open(model, "large", largest: Largest);
        Assert.Equal(before, Directory.GetDirectories(Path.GetTempPath(), "fleet-model-*").Length);
        using var small = OnnxRuntimeSession.Open(model, "small");
        Assert.Equal(Answer(small), Answer(session));
    }

    [Fact]
    public void Large_model_is_prepared_through_files_in_two()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Model(), folder.File("m.onnx"), Largest);
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.File("work"), Largest);
        Assert.Equal(["MatMul", "Relu", "MatMul"], prepared.Model.Graph.Node.Select(node => node.OpType));
        Assert.All(prepared.Model.Graph.Initializer, tensor => Assert.Equal(64 * 64 * 4, tensor.RawData.Length));
        Assert.Empty(Directory.GetFileSystemEntries(folder.File("work")));
    }

    [Fact]
    public void Variant_larger_than_one_file_is_written_in_two_counted_whole_and_called_unreleasable()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Model(), folder.File("m.onnx"), Largest);
        var report = new Quantizer(machine: ThisMachine.Facts) { LargestFile = 6000 }.Run(
            new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = folder.File("m.onnx"), Validation = SampleSource.Synthetic },
                Quantization = new QuantizationSpec { Profiles = ["x64"], Schemes = ["int8-weights"], Goal = "size" },
            },
            folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.InRange(report.Bytes, 2 * 64 * 64 * 4, 2 * 64 * 64 * 4 + 8192);
        var variant = Assert.Single(report.Variants);
        Assert.True(variant.Accepted && variant.Chosen, string.Join(" ", variant.Reasons));
        Assert.Equal(("x64-int8-weights.onnx", "x64-int8-weights.onnx.data"), (variant.Artifact!.Name, variant.Data!.Name));
        Assert.Equal(variant.Artifact.Bytes + variant.Data.Bytes, variant.Bytes);
        Assert.Contains(variant.Reasons, reason => reason.StartsWith("Its weights are in x64-int8-weights.onnx.data beside it",
            StringComparison.Ordinal) && reason.EndsWith("cannot be released.", StringComparison.Ordinal));
        Assert.Equal(["x64-int8-weights.onnx", "x64-int8-weights.onnx.data"],
            Directory.GetFiles(folder.File("out")).Select(Path.GetFileName).Order());
        OnnxRuntimeSession.Open(folder.File("out/x64-int8-weights.onnx"), variant.Runtime).Dispose();
    }

    private static ModelProto Model() => new GraphBuilder().Input("x", -1, 64).Weight("w1", 64, 64).Weight("w2", 64, 64)
        .Node("MatMul", ["x", "w1"], "m").Node("Relu", ["m"], "r").Node("MatMul", ["r", "w2"], "y").Output("y", -1, 64).Build();

    private static float[] Answer(InferenceSession session)
    {
        using var x = OrtValue.CreateTensorValueFromMemory([.. Enumerable.Range(0, 64).Select(i => i / 64f)], [1, 64]);
        using var options = new RunOptions();
        using var results = session.Run(options, ["x"], [x], ["y"]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
