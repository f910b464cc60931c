using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>A variant where nobody sets what it needs.</summary>
public sealed class PlainRuntimeTests
{
    private static readonly PlainRuntime.Settings Settings = new(["session.disable_quant_qdq=1"], []);

    [Fact]
    public void Variant_to_take_says_what_plain_ONNX_Runtime_makes_of_it_and_its_file_names_the_setting()
    {
        using var folder = new ScratchFolder();
        var (here, other) = (Chosen(folder, "x64", "int8-weights"), Chosen(folder, "arm-cpu", "int8-weights"));
        var measured = Assert.Single(here.Reasons, reason => reason.Contains("plain ONNX Runtime", StringComparison.Ordinal));
        Assert.Matches("^Without session.disable_quant_qdq=1, which stands in its file, plain ONNX Runtime takes [1-9][0-9]*\\.[0-9]{2} "
            + "times the processor time told and answers as told\\.$", measured);
        Assert.Contains(
            other.Reasons, reason => reason.StartsWith("It needs session.disable_quant_qdq=1 wherever", StringComparison.Ordinal));
        foreach (var variant in (VariantReport[])[here, other])
        {
            var file = OnnxFile.Load(folder.File($"{variant.Profile}/{variant.Artifact!.Name}"));
            Assert.Equal([new("session.disable_quant_qdq", "1")], NeededSettings.In(file).Entries);
            // No metadata but that, in few bytes.
            Assert.InRange(Assert.Single(file.MetadataProps).CalculateSize(), 1, 80);
        }
    }

    [Fact]
    public void Products_of_two_signed_bytes_name_their_guard_in_the_file_for_every_profile_and_on_screen_where_it_is_set()
    {
        using var folder = new ScratchFolder();
        foreach (var profile in (string[])["x64", "arm-cpu"])
        {
            var variant = Chosen(folder, profile, "int8-static-s8s8");
            var file = OnnxFile.Load(folder.File($"{profile}/{variant.Artifact!.Name}"));
            Assert.Equal([new("session.x64quantprecision", "1")], NeededSettings.In(file).Entries);
            Assert.Equal(profile == "x64",
                variant.Reasons.Any(reason => reason.StartsWith("Without session.x64quantprecision=1,", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public void Products_that_cannot_saturate_need_nothing()
    {
        using var folder = new ScratchFolder();
        var variant = Chosen(folder, "x64", "int8-dynamic");
        Assert.Empty(NeededSettings.In(OnnxFile.Load(folder.File($"x64/{variant.Artifact!.Name}"))).Entries);
        Assert.Empty(variant.Runtime.SessionEntries);
        Assert.DoesNotContain(variant.Reasons, reason => reason.Contains("plain ONNX Runtime", StringComparison.Ordinal));
    }

    [Fact]
    public void Guard_of_a_profile_is_no_need_of_a_file_without_signed_products()
    {
        Assert.Equal(Settings.ToString(), PlainRuntime.NeededOf(
            new RuntimeSettings
            {
                SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1", [NeededSettings.NoQuantized] = "1" },
            },
            new NeededSettings(new Dictionary<string, string> { [NeededSettings.NoQuantized] = "1" })).ToString());
    }

    [Fact]
    public void What_a_profile_adds_is_told_apart_from_what_stands_in_the_file()
    {
        var (none, file) = (new Dictionary<string, string>(), new Dictionary<string, string> { [NeededSettings.NoQuantized] = "1" });
        PlainRuntime.Settings Of(Dictionary<string, string> named) => PlainRuntime.NeededOf(
            new RuntimeSettings { SessionEntries = new Dictionary<string, string>(named) { ["session.intra_op.allow_spinning"] = "0" } },
            new NeededSettings(named));
        Assert.StartsWith("Without session.intra_op.allow_spinning=0, which its profile sets, plain ONNX Runtime",
            PlainRuntime.Measured(Of(none), 1, 30, 30), StringComparison.Ordinal);
        Assert.Null(PlainRuntime.Untold(Of(none)));
        Assert.StartsWith("Without session.disable_quant_qdq=1, which stands in its file, and session.intra_op.allow_spinning=0, which its "
            + "profile sets, plain", PlainRuntime.Measured(Of(file), 1, 30, 30), StringComparison.Ordinal);
        Assert.StartsWith("It needs session.disable_quant_qdq=1 wherever it is loaded", PlainRuntime.Untold(Of(file)),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1.05, 35, 35.4, "takes the processor time told and answers as told.")]
    [InlineData(1.06, 35, 34.5, "takes 1.06 times the processor time told and answers as told.")]
    [InlineData(0.58, 35.2, 12.3,
        "takes 0.58 times the processor time told and comes as close to the float model as 12.3 dB, not 35.2 dB.")]
    [InlineData(null, 0, 0, "does not load it.")]
    public void Five_percent_and_half_a_decibel_are_told(double? time, double told, double plain, string end)
        => Assert.EndsWith($"plain ONNX Runtime {end}", PlainRuntime.Measured(Settings, time, told, plain), StringComparison.Ordinal);

    private static VariantReport Chosen(ScratchFolder folder, string profile, string scheme)
    {
        var model = new GraphBuilder().Input("x", -1, 256).Weight("w", 256, 512).Weight("v", 512, 256).Node("MatMul", ["x", "w"], "h")
            .Node("Relu", ["h"], "r").Node("MatMul", ["r", "v"], "y").Output("y", -1, 256).Save(folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 16, 3);
        return new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(model, samples.Feeds("x"), HeldOut.Of(samples.Feeds("x")),
                VariantSettings.Of(new QuantizationSpec { Schemes = [scheme], Goal = "size" }, [BuiltInProfiles.Find(profile)!]),
                folder.File(profile)),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants.Single(variant => variant.Chosen);
    }
}
