using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests;

/// <summary>The model files on which quantizing once failed, each by the way that a person takes, at effort fast.</summary>
public sealed class CaseFileTests
{
    /// <summary>The pass that widens weights on processors without VNNI replaces each zero point, and wants it explicit.</summary>
    private static readonly RuntimeSettings Widening = new()
    {
        SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" },
    };

    private static readonly DeviceFacts X64 = new() { Architecture = "x64", IsaFlags = ["avx2"] };

    /// <summary>Least decibels of a scheme on a case, and the most of the float model's bytes.</summary>
    public static TheoryData<string, string, string> Rows => new()
    {
        { "01-convtranspose", "01", "int8-static-s8s8 36 0.42; int8-weights 41 0.39" },
        { "02-tiny-and-zero-channels", "01", "int8-static-s8s8 38 0.40; int8-weights 44 0.35" },
        { "03-tied-embedding", "03", "int8-static-s8s8 32 0.28; int8-dynamic 32 0.29; int8-weights 36 0.28" },
        { "05-shared-weight-bias", "synthetic", "int8-static-s8s8 32 0.85; int8-weights 39 0.51" },
        { "06-if-loop-outer-weights", "06", "int8-static-s8s8 25 0.34; int8-dynamic 34 0.42; int8-weights 32 0.33" },
        { "07-dynamic-batch", "07", "int8-static-s8s8 34 0.28; int8-dynamic 33 0.27; int8-weights 38 0.29" },
        { "09-optional-inputs", "01", "int8-static-s8s8 27 1.2; int8-weights 41 0.86" },
        { "10-gemm-scalar-bias", "10", "int8-static-s8s8 34 0.33; int8-dynamic 36 0.29; int8-weights 38 0.30" },
        { "11b-inputs-are-initializers", "01", "int8-static-s8s8 25 0.85; int8-weights 41 0.61" },
        { "13-lstm-gru", "13", "int8-static-s8s8 38 0.30; int8-dynamic 38 0.37; int8-weights 41 0.31" },
        { "14-activation-outliers", "14", "int8-static-s8s8 30 0.27; int8-dynamic 33 0.27; int8-weights 40 0.40" },
        { "15-double-and-bool", "synthetic", "int8-static-s8s8 26 0.30; int8-dynamic 33 0.29; int8-weights 35 0.30" },
        { "16-conv3d-group", "16", "int8-static-s8s8 45 0.53; int8-weights 44 0.43" },
        { "17-batched-weight", "17", "int8-weights 42 0.31" },
        { "18-unsorted-nodes", "18", "int8-static-s8s8 28 0.31; int8-dynamic 35 0.30; int8-weights 36 0.32" },
        { "19-tied-gemm-head", "19", "int8-static-s8s8 33 0.28; int8-dynamic 34 0.29; int8-weights 38 0.28" },
        { "20-unet-decoder", "01", "int8-static-s8s8 31 0.30; int8-weights 37 0.30" },
    };

    [Theory, MemberData(nameof(Rows))]
    public void Case_gets_small_and_close_variants_that_load_anywhere(string model, string samples, string expected)
    {
        using var folder = new ScratchFolder();
        var report = Run(folder, model, samples, new QuantizationSpec { Profiles = ["arm-cpu"] }, X64);
        var told = Told(report);
        foreach (var words in expected.Split(';', StringSplitOptions.TrimEntries).Select(one => one.Split(' ')))
        {
            var variant = report.Variants.Single(one => one.Scheme == words[0]);
            Assert.True(variant is { Accepted: true, Closeness: { } close, Artifact: { } made } && close.SignalToNoise >= Number(words[1])
                && made.Bytes <= Number(words[2]) * report.Bytes, $"{words[0]}: {told}");
            OpensAnywhere(folder, variant);
        }
        var chosen = report.Variants.Single(variant => variant.Chosen);
        Assert.True(chosen.Scheme != "fp32" && chosen.Artifact!.Bytes < report.Bytes, told);
        Assert.True(chosen.EstimatedSpeedUp is null or > 0.7, told);
    }

    /// <summary>Where speed is measured, nothing that is larger or slower than the float model is taken.</summary>
    [Theory]
    [InlineData("01-convtranspose")]
    [InlineData("20-unet-decoder")]
    public void Transposed_convolutions_are_rounded_and_nothing_larger_or_slower_is_chosen(string model)
    {
        using var folder = new ScratchFolder();
        var profile = ThisMachine.Facts.Architecture == "arm64" ? "arm-cpu" : "x64";
        var report = Run(folder, model, "01", new QuantizationSpec { Profiles = [profile] }, ThisMachine.Facts);
        var told = Told(report);
        var chosen = report.Variants.Single(variant => variant.Chosen);
        var speed = new RelativeSpeed(chosen.SpeedUp!.Value, chosen.SpeedUpInterval!.Low, chosen.SpeedUpInterval.High);
        Assert.True(chosen.Artifact!.Bytes < report.Bytes && !RelativeSpeed.Original.IsFasterThan(speed), told);
        var integers = report.Variants.First(variant => variant.Scheme.StartsWith("int8-static", StringComparison.Ordinal));
        Assert.True(integers is { Accepted: true } && integers.Artifact!.Bytes < 0.42 * report.Bytes, told);
        Assert.DoesNotContain(OnnxFile.Load(folder.File(Path.Combine("out", integers.Artifact.Name))).Graph.Initializer,
            tensor => tensor.Is(DataType.Float) && tensor.Dims.Count > 3 && tensor.Dims[0] > 1 && tensor.Dims[1] > 1);
    }

    /// <summary>In every scheme that there is, whether chosen by itself or named.</summary>
    [Theory]
    [InlineData("03-tied-embedding", "03")]
    [InlineData("19-tied-gemm-head", "19")]
    public void Tied_table_is_stored_once(string model, string samples)
    {
        using var folder = new ScratchFolder();
        string[] schemes = [.. QuantizationSchemes.All.Select(scheme => scheme.Name).Order(StringComparer.Ordinal)];
        var report = Run(folder, model, samples,
            new QuantizationSpec { Profiles = ["jetson"], Schemes = schemes, MinimumSignalToNoise = 8 }, X64);
        var told = Told(report);
        foreach (var variant in report.Variants.Where(variant => variant.Artifact is not null))
        {
            Assert.True(variant.Artifact!.Bytes <= (variant.Scheme == "fp16" ? 0.51 : 0.31) * report.Bytes, $"{variant.Scheme}: {told}");
            OpensAnywhere(folder, variant);
        }
        string[] missing = [.. schemes.Except(report.Variants.Where(variant => variant.Accepted).Select(variant => variant.Scheme))];
        Assert.True(missing is ["int8-static-u8s8-float-stem"], told);
    }

    /// <summary>Samples as 16-bit floats or, for the same input, 32-bit ones. The file of 1.5 kB is too small to become smaller.</summary>
    [Theory]
    [InlineData("08-cal.npz")]
    [InlineData("08-cal32.npz")]
    public void Model_of_16_bit_floats_is_judged_and_handed_out_with_weights_of_16_bits(string samples)
    {
        using var folder = new ScratchFolder();
        var report = Run(folder, "08-fp16-input", samples, new QuantizationSpec { Profiles = ["arm-cpu"] }, X64);
        var told = Told(report);
        Assert.All(report.Variants.Where(variant => variant.Artifact is not null),
            variant => Assert.True(variant.Accepted && variant.Closeness!.SignalToNoise > 44, told));
        var chosen = report.Variants.Single(variant => variant.Chosen);
        // Its weights, and a Cast for each and for what goes in and out.
        Assert.True(chosen.Artifact!.Bytes <= report.Bytes + 512, told);
    }

    [Theory]
    [InlineData("01-convtranspose", "04-cal-inf.npz", "array 'x' holds Infinity in sample 5")]
    [InlineData("01-convtranspose", "04-cal-nan.npz", "array 'x' holds NaN in sample 5")]
    [InlineData("11-inputs-are-initializers", "01-cal.npz", "two nodes with same node name (n)")]
    [InlineData("12-already-quantized", "synthetic", "is quantized already (QuantizeLinear 1, DequantizeLinear 2)")]
    [InlineData("01-variant-int8-weights", "01-cal.npz", "is quantized already")]
    public void Case_that_cannot_be_used_is_refused_by_name_with_the_remedy(string model, string samples, string says)
    {
        using var folder = new ScratchFolder();
        var refused = Assert.Throws<InvalidDataException>(
            () => Run(folder, model, samples, new QuantizationSpec { Profiles = ["arm-cpu"] }, X64));
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.Matches("repair or leave out|export it again|Give the float model", refused.Message);
        Assert.False(File.Exists(folder.File("out/report.json")));
    }

    [Fact]
    public void Weight_of_several_matrices_is_named_where_static_int8_leaves_it()
    {
        using var folder = new ScratchFolder();
        var report = Run(folder, "17-batched-weight", "17", new QuantizationSpec { Profiles = ["arm-cpu"] }, X64);
        var reason = Assert.Single(report.Variants.Single(variant => variant.Scheme == "int8-static-s8s8").Reasons);
        Assert.Contains("MatMul", reason, StringComparison.Ordinal);
        Assert.Contains("has 3 axes", reason, StringComparison.Ordinal);
    }

    /// <summary>Without settings, and with that which once refused files. Signed activations are for processors without its pass.</summary>
    private static void OpensAnywhere(ScratchFolder folder, VariantReport variant)
    {
        var path = folder.File(Path.Combine("out", variant.Artifact!.Name));
        OnnxRuntimeSession.Open(path, OnnxRuntimeSession.Plain).Dispose();
        if (variant.Scheme is not ("int8-static-s8s8" or "int8-static-symmetric")) OnnxRuntimeSession.Open(path, Widening).Dispose();
    }

    /// <param name="folder">Takes what is made.</param>
    /// <param name="model">The case.</param>
    /// <param name="samples">What the names of its samples begin with, a file of samples, or the word for made-up ones.</param>
    /// <param name="spec">What is wanted; the effort is fast.</param>
    /// <param name="machine">Whose times are claims.</param>
    private static QuantizationReport Run(ScratchFolder folder, string model, string samples, QuantizationSpec spec, DeviceFacts machine)
    {
        var calibration = samples == "synthetic" ? samples
            : SharedFiles.RequireCase(samples.Length == 2 ? samples + "-cal.npz" : samples);
        var source = new SourceSpec
        {
            Onnx = SharedFiles.RequireCase(model + ".onnx"),
            Calibration = calibration,
            // Where there are no others, half of what calibrates is split again.
            Validation = SharedFiles.FindCase(samples + "-val.npz") ?? calibration,
        };
        var report = new Quantizer(machine: machine).Run(
            new QuantizationRequest { Source = source, Quantization = spec with { Effort = "fast" } },
            folder.File("out"), new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        report.WriteTo(folder.File("out"));
        return report;
    }

    private static double Number(string word) => double.Parse(word, System.Globalization.CultureInfo.InvariantCulture);

    private static string Told(QuantizationReport report) => string.Join("; ", report.Variants.Select(one
        => FormattableString.Invariant($"{one.Scheme} {100.0 * one.Artifact?.Bytes / report.Bytes:0.0} % ")
            + FormattableString.Invariant($"{one.Closeness?.SignalToNoise:0.0} dB {one.SpeedUp ?? one.EstimatedSpeedUp:0.00}x")
            + (one.Chosen ? " chosen" : one.Accepted ? "" : " " + string.Join(' ', one.Reasons))));
}
