using System.Diagnostics;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Quantization.Tests.Proof;

/// <summary>What is proved is what was judged: the same samples, made in the same way.</summary>
public sealed class RecordedSourceTests
{
    [Fact]
    public void Pictures_become_inputs_as_the_report_beside_the_variant_says_unless_something_else_is_asked()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", 1, 1, 1, 1).Output("y", 1, 1, 1, 1).Node("Relu", ["x"], "y").Save(folder);
        File.WriteAllBytes(folder.File("a.png"), PngWriter.Write(1, 1, 1, [51]));
        var request = new ProofRequest { Variant = new SourceSpec { Onnx = model, Validation = folder.File("a.png") } };
        Assert.Equal(0.2f, ValueOf(request));
        File.WriteAllText(folder.File("report.json"),
            """{ "validation": { "from": "", "count": 1, "preprocessing": { "range": [0, 255], "mean": [1] } }, "variants": [] }""");
        Assert.Equal(50, ValueOf(request));
        Assert.Equal(51, ValueOf(request with
        {
            Variant = request.Variant with { Preprocessing = new() { Range = [0, 255] } },
        }));
    }

    [Fact]
    public void Labels_are_for_what_the_report_beside_the_variant_says()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 1).Output("y", -1, 1).Node("Relu", ["x"], "y").Save(folder);
        using (var file = File.Create(folder.File("s.npz")))
            NpzArchive.Write(file, new Dictionary<string, NpyArray>
            {
                ["x"] = NpyArray.Of([1f, 2f], 2, 1),
                ["labels"] = NpyArray.Of([0.5f, 1.5f], 2),
            });
        var request = new ProofRequest { Variant = new SourceSpec { Onnx = model, Validation = folder.File("s.npz") } };
        // Numbers are no classes.
        Assert.Throws<InvalidDataException>(() => ProofTask.Of(request));
        File.WriteAllText(folder.File("report.json"),
            """{ "task": "regression", "validation": { "from": "", "count": 2 }, "variants": [] }""");
        Assert.Null(ProofTask.Of(request).Labels);
    }

    [Fact]
    public void Pipe_in_the_place_of_the_report_is_not_opened()
    {
        using var folder = new ScratchFolder();
        using var made = Process.Start("mkfifo", [folder.File("report.json")]);
        made.WaitForExit();
        var source = new SourceSpec { Onnx = folder.File("v.onnx"), Validation = SampleSource.Synthetic };
        Assert.Same(source, RecordedSource.Completed(source));
    }

    private static float ValueOf(ProofRequest request)
    {
        using var feed = ProofTask.Of(request).Samples.Batches(1).Single();
        return feed.Values.Single().GetTensorDataAsSpan<float>()[0];
    }
}
