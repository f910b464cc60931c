using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Evaluation;

/// <summary>Dynamic int8 in a batch: what the report says of the samples beside.</summary>
public sealed class BatchMatesTests
{
    private const string Said = "It rounds activations by the largest value of a whole batch:";

    [Fact]
    public void Report_of_dynamic_int8_says_what_a_louder_sample_in_the_batch_costs_and_that_of_static_int8_does_not()
    {
        var made = Make(batch: -1);
        var reason = Assert.Single(made["int8-dynamic"].Reasons, reason => reason.StartsWith(Said, StringComparison.Ordinal));
        double[] decibels = [
            .. reason.Split(' ').Where(word => double.TryParse(word, System.Globalization.CultureInfo.InvariantCulture, out _))
                .Select(word => double.Parse(word, System.Globalization.CultureInfo.InvariantCulture)),
        ];
        // Eight times coarser steps are 18 dB; the noise of the weights stays as it is.
        Assert.InRange(decibels[0] - decibels[1], 6, 18.5);
        Assert.DoesNotContain(made["int8-static-u8s8"].Reasons, reason => reason.StartsWith(Said, StringComparison.Ordinal));
    }

    [Fact]
    public void Model_that_takes_one_sample_at_a_time_has_no_batch_mates()
        => Assert.DoesNotContain(
            Make(batch: 1)["int8-dynamic"].Reasons, reason => reason.StartsWith(Said, StringComparison.Ordinal));

    private static Dictionary<string, VariantReport> Make(long batch)
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", batch, 64).Weight("w1", 64, 128).Weight("b1", 128).Weight("w2", 128, 32)
            .Node("MatMul", ["x", "w1"], "a").Node("Add", ["a", "b1"], "s").Node("Relu", ["s"], "r").Node("MatMul", ["r", "w2"], "y")
            .Output("y", batch, 32).Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 24, seed: 3);
        return new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(model, samples.Feeds("x"), HeldOut.Of(samples.Feeds("x")),
                VariantSettings.Of(new QuantizationSpec { Schemes = ["int8-dynamic", "int8-static-u8s8"] }, [BuiltInProfiles.X64]),
                folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants.ToDictionary(variant => variant.Scheme);
    }
}
