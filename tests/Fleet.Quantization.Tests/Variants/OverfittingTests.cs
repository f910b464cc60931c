using Fleet.Contracts.Builds;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Tests.Schemes;
using Fleet.Quantization.Variants;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>What takes the place of a variant that was fitted to its samples.</summary>
public sealed class OverfittingTests
{
    [Fact]
    public void Plainer_variant_keeps_the_same_layers_float_and_in_as_few_bytes()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", 1, 4, 96).Weight("w1", 96, 96).Weight("w2", 96, 96)
            .Node("MatMul", ["x", "w1"], "a").Node("Relu", ["a"], "r").Node("MatMul", ["r", "w2"], "y").Output("y", 1, 4, 96).Build();
        var quantized = QuantizedModel.Of(model, "int8-dynamic", folder, new HashSet<string> { "a" });
        var judged = Judged.By(new Closeness(40, 1, null));
        var made = new ControlledModel(quantized.Model, judged, Calibrators.Named("percentile"), _ => quantized.Model)
        {
            Techniques = [KnownTechniques.Named("smoothing")],
            Returned = [new ReturnedOperator("a", 1, 1)],
            InBytes = new HashSet<string> { "w1" },
        };
        var source = new QuantizationSource(quantized.Source, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"));
        var plain = Overfitting.Plain(
            made, [], quantized.Scheme, source, _ => judged, limit: -20, TestContext.Current.CancellationToken);
        Assert.Empty(plain.Techniques);
        Assert.Equal("minmax", plain.Calibrator.Name);
        Assert.Single(KeptWeights.Of(quantized.Model));
        Assert.Empty(KeptWeights.Of(plain.Model));
        Assert.Single(plain.InBytes!);
    }
}
