using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>What a report says of a budget of bits.</summary>
public sealed class BudgetTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0, null, "bits on average, of 5 that it may.")]
    [InlineData(32, null, "past the 5 that it may: layers were kept closer because fewer bits cost too much; give it more bits")]
    [InlineData(0, "first", "past the 5 that it may: layers stay float because that was asked for.")]
    public void Average_as_it_was_reached_is_told_and_why_it_is_past_the_budget(double least, string? keep, string said)
    {
        var report = Made(new QuantizationSpec
        {
            Profiles = ["x64"],
            Schemes = ["mixed-weights", "fp16"],
            AverageBits = 5,
            MinimumSignalToNoise = least,
            Keep = keep is null ? null : [keep],
        });
        var variant = report.Variants.Single(one => one.Scheme == "mixed-weights");
        Assert.Equal(said.StartsWith("past", StringComparison.Ordinal), variant.AverageBits > 5.01);
        Assert.Contains(variant.Reasons, reason => reason.Contains(said, StringComparison.Ordinal));
        Assert.Null(report.Variants.Single(one => one.Scheme == "fp16").AverageBits);
    }

    /// <summary>Accuracy control would have it in 8 bits: the limit is past what 3 leave.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Layer_has_the_bits_that_a_person_asked_for_whatever_they_cost(int bits)
    {
        var report = Made(new QuantizationSpec
        {
            Profiles = ["x64"],
            Schemes = ["mixed-weights"],
            MinimumSignalToNoise = 32,
            Bits = [new LayerBits("MatMul", 8), new LayerBits("first", bits)],
        });
        var variant = report.Variants.Single(one => one.Scheme == "mixed-weights");
        Assert.Contains(variant.Reasons, reason => reason.StartsWith("In the bits that were asked for: ", StringComparison.Ordinal));
        Assert.DoesNotContain(variant.Layers, layer => layer.Fate is LayerFate.ReturnedToFloat or LayerFate.NotQuantizable);
        var written = OnnxFile.Load(_folder.File($"out/{variant.Id}.onnx")).Graph.Node.Where(node => node.OpType == "MatMulNBits").ToList();
        // Three bits lie in planes of their own and are 4 for the operator.
        Assert.Equal([bits == 3 ? 4 : bits, 8, 8], written.Select(node => node.Int("bits", 0)));
    }

    [Theory]
    [InlineData("frist", null, "'frist' of --bits (in a build spec quantization.bits) is no layer and no operator of the model")]
    [InlineData("Relu", null, "'Relu' of --bits (in a build spec quantization.bits) is no matrix product with constant weights")]
    [InlineData("first", "first", "stays float by --keep or --only (in a build spec quantization.keep and only) and has bits by --bits")]
    public void Bits_of_what_has_none_to_choose_are_refused(string layer, string? keep, string said)
        => Assert.Contains(said, Assert.Throws<InvalidDataException>(() => Made(new QuantizationSpec
        {
            Profiles = ["x64"],
            Schemes = ["mixed-weights"],
            Bits = [new LayerBits(layer, 4)],
            Keep = keep is null ? null : [keep],
        })).Message, StringComparison.Ordinal);

    private QuantizationReport Made(QuantizationSpec spec)
    {
        UnevenModel.Save(_folder);
        return new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec
            {
                Onnx = _folder.File("m.onnx"),
                Calibration = _folder.File("samples.npz"),
                Validation = _folder.File("samples.npz"),
            },
            Quantization = spec,
        }, _folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
    }
}
