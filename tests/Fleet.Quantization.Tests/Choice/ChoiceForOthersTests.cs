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
    public void What_devices_measured_corrects_the_estimate_and_is_told()
    {
        using var folder = new ScratchFolder();
        var model = new GraphBuilder().Input("x", -1, 128).Weight("a", 128, 256).Weight("b", 256, 128)
            .Node("MatMul", ["x", "a"], "h").Node("Relu", ["h"], "r").Node("MatMul", ["r", "b"], "y").Output("y", -1, 128).Save(folder);
        QuantizationReport Run(string name, IReadOnlyList<MeasuredForm>? measured) => new Quantizer(machine: X64).Run(
            new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = model, Calibration = "synthetic", Validation = "synthetic" },
                Quantization = new QuantizationSpec { Profiles = ["arm-cpu"], Schemes = ["int8-static-s8s8", "int8-dynamic"] },
                Measured = measured,
            },
            folder.File(name), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        var counted = Run("counted", null).Variants.ToDictionary(variant => variant.Scheme);
        // Five devices found dynamic int8 to be six times as fast as such estimates say, and static int8 as fast.
        MeasuredForm Form(int device, string scheme, double milliseconds, double estimate) => new()
        {
            Profile = "arm-cpu",
            Device = device,
            Cohort = device / 3,
            Network = "other 1",
            Scheme = scheme,
            Time = TimeSpan.FromMilliseconds(milliseconds),
            EstimatedSpeedUp = estimate,
            EstimatedBy = counted["int8-dynamic"].EstimatedBy,
        };
        MeasuredForm[] measured = [
            .. Enumerable.Range(0, 5).SelectMany(device => (MeasuredForm[])
                [Form(device, "int8-weights", 12, 1), Form(device, "int8-dynamic", 1, 2), Form(device, "int8-static-s8s8", 6, 2)]),
        ];
        var report = Run("refined", measured);
        var variants = report.Variants.ToDictionary(variant => variant.Scheme);
        var (dynamic, bytes) = (variants["int8-dynamic"], variants["int8-static-s8s8"]);
        Assert.Equal(new EstimateRefinement(counted["int8-dynamic"].EstimatedSpeedUp!.Value, 6, 5, 2),
            dynamic.Refinement! with { Factor = Math.Round(dynamic.Refinement.Factor, 9) });
        Assert.Equal(6 * counted["int8-dynamic"].EstimatedSpeedUp!.Value, dynamic.EstimatedSpeedUp!.Value, 6);
        Assert.Equal(counted["int8-static-s8s8"].EstimatedSpeedUp!.Value, bytes.EstimatedSpeedUp!.Value, 6);
        Assert.True(dynamic.Chosen);
        Assert.Contains(dynamic.Reasons, reason => reason.Contains(
            "refined by what 5 devices of arm-cpu (2 cohorts) measured of variants that compute in bytes rounded at every run",
            StringComparison.Ordinal));
        report.WriteTo(folder.File("refined"));
        Assert.Contains("refined by what 5 devices of arm-cpu measured", File.ReadAllText(folder.File("refined/report.html")),
            StringComparison.Ordinal);
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
