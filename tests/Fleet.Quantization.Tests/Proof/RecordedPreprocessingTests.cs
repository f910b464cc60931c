using System.Diagnostics;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Quantization.Tests.Proof;

/// <summary>What is proved is what was judged: the same samples, made in the same way.</summary>
public sealed class RecordedPreprocessingTests
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
    public void Pipe_in_the_place_of_the_report_is_not_opened()
    {
        using var folder = new ScratchFolder();
        using var made = Process.Start("mkfifo", [folder.File("report.json")]);
        made.WaitForExit();
        Assert.Null(RecordedPreprocessing.Beside(folder.File("v.onnx")));
    }

    private static float ValueOf(ProofRequest request)
    {
        using var feed = ProofTask.Of(request).Samples.Batches(1).Single();
        return feed.Values.Single().GetTensorDataAsSpan<float>()[0];
    }
}
