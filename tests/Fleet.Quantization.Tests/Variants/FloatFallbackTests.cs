using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>The float model where nothing is better: never larger or slower than it was given.</summary>
public sealed class FloatFallbackTests
{
    private const int Rows = 256, Width = 64;

    /// <summary>Nothing is this close.</summary>
    private static readonly QuantizationSpec Unreachable = new() { Profiles = ["x64"], MinimumSignalToNoise = 150, Effort = "fast" };

    private static readonly DeviceFacts X64 = new() { Architecture = "x64", IsaFlags = ["avx2"] };

    [Theory]
    [InlineData("Tile")]
    [InlineData("Expand")]
    [InlineData("ConstantOfShape")]
    public void Model_whose_folding_makes_it_larger_is_handed_out_as_it_was_given(string operation)
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Spread(operation), folder.File("m.onnx"));
        Assert.InRange(PreparedModel.From(folder.File("m.onnx"), folder.Path).Model.CalculateSize(), Rows * Width * 4, int.MaxValue);
        var report = Quantize(folder, Unreachable);
        var chosen = Chosen(folder, report);
        Assert.InRange(chosen.Report.Artifact!.Bytes, 1, report.Bytes + 512);
        Assert.Contains(chosen.Report.Reasons, reason => reason.Contains("as it was given", StringComparison.Ordinal)
            && reason.Contains("bytes for", StringComparison.Ordinal));
        Assert.Contains(OnnxFile.Load(chosen.Path).Graph.Node, node => node.Is(operation));
        // Its time is its own.
        Assert.True(chosen.Report is { SpeedUp: > 0, SpeedUpInterval: not null, Scores.Latency.P50.Ticks: > 0 });
        // And by the clock of all others: a time is the float model's over the factor.
        Assert.All(report.Variants.Where(variant => variant.SpeedUp is not null), variant => Assert.Equal(
            report.Original.Latency!.P50.TotalMilliseconds, variant.Scores!.Latency!.P50.TotalMilliseconds * variant.SpeedUp!.Value,
            0.001));
    }

    [Fact]
    public void Recipe_makes_the_model_as_it_was_given_again()
    {
        using var folder = new ScratchFolder();
        OnnxFile.Save(Spread("Expand"), folder.File("m.onnx"));
        var first = Chosen(folder, Quantize(folder, Unreachable)).Report;
        var recipe = JsonSerializer.Deserialize(
            File.ReadAllText(folder.File("out/recipe.json")), FleetJson.Default.QuantizationRecipe)!;
        var again = Quantize(folder, Unreachable, recipe);
        Assert.Empty(again.NotMadeAgain);
        Assert.Equal(first.Artifact, again.Variants.Single(variant => variant.Chosen).Artifact);
    }

    [Fact]
    public void Model_that_preparing_makes_better_is_handed_out_so()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", Rows, Width).Weight("w", Width, Width).Weight("unread", Width, Width)
            .Node("MatMul", ["x", "w"], "y").Output("y", Rows, Width).Build();
        OnnxFile.Save(model, folder.File("m.onnx"));
        var report = Quantize(folder, Unreachable);
        var chosen = Chosen(folder, report);
        Assert.True(chosen.Report.Artifact!.Bytes <= report.Bytes - Width * Width * 4 + 512, string.Join(' ', chosen.Report.Reasons));
        Assert.DoesNotContain(chosen.Report.Reasons, reason => reason.Contains("as it was given", StringComparison.Ordinal));
    }

    /// <summary>Files on which quantizing once failed.</summary>
    [Theory]
    [InlineData("01-convtranspose", "01")]
    [InlineData("03-tied-embedding", "03")]
    [InlineData("05-shared-weight-bias", null)]
    [InlineData("06-if-loop-outer-weights", "06")]
    [InlineData("08-fp16-input", "08")]
    [InlineData("09-optional-inputs", "01")]
    [InlineData("10-gemm-scalar-bias", "10")]
    [InlineData("11b-inputs-are-initializers", "01")]
    [InlineData("13-lstm-gru", "13")]
    [InlineData("15-double-and-bool", null)]
    [InlineData("18-unsorted-nodes", "18")]
    [InlineData("19-tied-gemm-head", "19")]
    [InlineData("20-unet-decoder", "01")]
    public void Case_is_handed_out_no_larger_than_it_was_given(string model, string? samples)
    {
        using var folder = new ScratchFolder();
        File.Copy(SharedFiles.RequireCase(model + ".onnx"), folder.File("m.onnx"));
        var report = Quantize(folder, Unreachable with { Profiles = ["arm-cpu"], Schemes = ["int8-weights"] }, samples:
            samples is null ? SampleSource.Synthetic : SharedFiles.RequireCase(samples + "-cal.npz"));
        Assert.InRange(Chosen(folder, report).Report.Artifact!.Bytes, 1, report.Bytes + 512);
    }

    /// <summary>A constant of a few bytes, or of a row, that an operator spreads over as many values as the input has.</summary>
    private static ModelProto Spread(string operation)
    {
        var graph = new GraphBuilder().Input("x", Rows, Width).Weight("w", Width, Width).Weight("row", 1, Width);
        graph = operation switch
        {
            "Tile" => graph.Constant(Tensors.Of("times", [(long)Rows, 1L], 2)).Node("Tile", ["row", "times"], "spread"),
            "Expand" => graph.Constant(Tensors.Of("shape", [(long)Rows, Width], 2)).Node("Expand", ["row", "shape"], "spread"),
            _ => graph.Constant(Tensors.Of("shape", [(long)Rows, Width], 2)).Node("ConstantOfShape", ["shape"], "zero")
                .Node("Add", ["zero", "row"], "spread"),
        };
        return graph.Node("Add", ["x", "spread"], "sum").Node("MatMul", ["sum", "w"], "y").Output("y", Rows, Width).Build();
    }

    private static QuantizationReport Quantize(
        ScratchFolder folder, QuantizationSpec spec, QuantizationRecipe? recipe = null, string samples = SampleSource.Synthetic)
    {
        var request = new QuantizationRequest
        {
            Source = new SourceSpec { Onnx = folder.File("m.onnx"), Calibration = samples, Validation = samples },
            Quantization = spec,
            Recipe = recipe,
        };
        var report = new Quantizer(machine: X64).Run(
            request, folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        report.WriteTo(folder.File("out"));
        return report;
    }

    /// <summary>The float model that was chosen, which answers as the one that was given.</summary>
    private static (VariantReport Report, string Path) Chosen(ScratchFolder folder, QuantizationReport report)
    {
        var chosen = report.Variants.Single(variant => variant.Chosen);
        Assert.Equal("fp32", chosen.Scheme);
        var path = folder.File(Path.Combine("out", chosen.Artifact!.Name));
        using var given = OnnxRuntimeSession.Open(folder.File("m.onnx"));
        using var made = OnnxRuntimeSession.Open(path);
        Assert.Equal(given.InputMetadata.Select(input => (input.Key, input.Value.ElementType)),
            made.InputMetadata.Select(input => (input.Key, input.Value.ElementType)));
        Assert.Equal(given.OutputNames, made.OutputNames);
        return (chosen, path);
    }
}
