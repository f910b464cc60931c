using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests.Choice;

/// <summary>What is chosen for processors on which nothing was timed.</summary>
public sealed class ChoiceForOthersTests
{
    private static readonly DeviceFacts X64 = new() { Architecture = "x64", IsaFlags = ["avx2"] };

    /// <remarks>Case Q1: 4-bit weights of 19 dB were taken for Arm over int8 of 37 dB, because their file is smaller.</remarks>
    [Theory]
    [InlineData("03-tied-embedding", "03")]
    [InlineData("07-dynamic-batch", "07")]
    [InlineData("10-gemm-scalar-bias", "10")]
    [InlineData("14-activation-outliers", "14")]
    public void Four_bits_are_not_taken_for_Arm_because_their_file_is_smaller(string model, string samples)
    {
        using var folder = new ScratchFolder();
        var report = new Quantizer(machine: X64).Run(
            new QuantizationRequest
            {
                Source = new SourceSpec
                {
                    Onnx = SharedFiles.RequireCase(model + ".onnx"),
                    Calibration = SharedFiles.RequireCase(samples + "-cal.npz"),
                    Validation = SharedFiles.RequireCase(samples + "-val.npz"),
                },
                Quantization = new QuantizationSpec { Profiles = ["arm-cpu"] },
            },
            folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        var told = string.Join("; ", report.Variants.Select(
            variant => $"{variant.Id} {variant.Artifact?.Bytes} {variant.EstimatedSpeedUp} {variant.Closeness} {variant.Reasons.Count}"));
        var chosen = report.Variants.Single(variant => variant.Chosen);
        Assert.True(chosen.Scheme.StartsWith("int8", StringComparison.Ordinal), told);
        Assert.True(chosen.SpeedUp is null && chosen.EstimatedSpeedUp > 0, told);
        Assert.Contains(chosen.Reasons, reason => reason.Contains("nothing was timed, and devices will tell", StringComparison.Ordinal));
    }

    [Fact]
    public void Four_bits_are_taken_for_Arm_where_size_is_the_goal()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 128).Weight("a", 128, 256).Weight("b", 256, 128)
            .Node("MatMul", ["x", "a"], "h").Node("Relu", ["h"], "r").Node("MatMul", ["r", "b"], "y").Output("y", -1, 128).Save(folder);
        string Chosen(string goal) => new Quantizer(machine: X64).Run(
            new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = model, Calibration = "synthetic", Validation = "synthetic" },
                Quantization = new QuantizationSpec { Profiles = ["arm-cpu"], Goal = goal, MinimumSignalToNoise = 10 },
            },
            folder.File(goal), new Progress<BuildProgress>(), TestContext.Current.CancellationToken)
            .Variants.Single(variant => variant.Chosen).Scheme;
        Assert.Equal("int4-weights-hqq", Chosen("size"));
        Assert.StartsWith("int8", Chosen("latency"), StringComparison.Ordinal);
    }
}
