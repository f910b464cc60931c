using Fleet.Contracts.Builds;
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
        UnevenModel.Save(_folder);
        var report = new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec
            {
                Onnx = _folder.File("m.onnx"),
                Calibration = _folder.File("samples.npz"),
                Validation = _folder.File("samples.npz"),
            },
            Quantization = new QuantizationSpec
            {
                Profiles = ["x64"],
                Schemes = ["mixed-weights", "fp16"],
                AverageBits = 5,
                MinimumSignalToNoise = least,
                Keep = keep is null ? null : [keep],
            },
        }, _folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        var variant = report.Variants.Single(one => one.Scheme == "mixed-weights");
        Assert.Equal(said.StartsWith("past", StringComparison.Ordinal), variant.AverageBits > 5.01);
        Assert.Contains(variant.Reasons, reason => reason.Contains(said, StringComparison.Ordinal));
        Assert.Null(report.Variants.Single(one => one.Scheme == "fp16").AverageBits);
    }
}
