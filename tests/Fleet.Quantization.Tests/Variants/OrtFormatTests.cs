using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Variants;

namespace Fleet.Quantization.Tests.Variants;

/// <summary>The variant to take, in ONNX Runtime's own format as well.</summary>
public sealed class OrtFormatTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Variant_to_take_is_written_beside_its_file_and_is_what_it_says()
    {
        var chosen = Chosen("int8-dynamic", "x64");
        var file = _folder.File($"out/{chosen.Id}.ort");
        var said = FormattableString.Invariant($"In ORT format it is {chosen.Id}.ort beside it, {new FileInfo(file).Length:N0} bytes, ");
        Assert.Contains(chosen.Reasons, reason => reason.StartsWith(said, StringComparison.Ordinal));
        // The format's own mark, after the offset of its table.
        Assert.Equal("ORTM"u8.ToArray(), File.ReadAllBytes(file)[4..8]);
    }

    [Fact]
    public void Weights_that_are_float_once_loaded_are_not_written_float()
    {
        var chosen = Chosen("int8-weights", "x64");
        Assert.Contains(chosen.Reasons, reason => reason.StartsWith("It was not written in ORT format: there its weights would be float",
            StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(_folder.File("out"), "*.ort"));
    }

    [Fact]
    public void Another_processors_variant_has_none_and_says_why()
    {
        Assert.Contains(OrtFormat.OnlyHere, Chosen("int8-dynamic", "arm-cpu").Reasons);
        Assert.Empty(Directory.GetFiles(_folder.File("out"), "*.ort"));
    }

    private VariantReport Chosen(string scheme, string profile)
    {
        var model = new GraphBuilder().Input("x", -1, 64).Weight("w", 64, 64).Weight("v", 64, 64).Node("MatMul", ["x", "w"], "h")
            .Node("Relu", ["h"], "r").Node("MatMul", ["r", "v"], "y").Output("y", -1, 64).Save(_folder);
        var samples = TinyModels.SamplesFor(OnnxFile.Load(model), 16, 3);
        return new VariantMaker(new DeviceFacts { Architecture = "x64", IsaFlags = ["avx2"] }).Make(
            new VariantRequest(model, null, HeldOut.Of(samples.Feeds("x")),
                VariantSettings.Of(new QuantizationSpec { Schemes = [scheme], Goal = "size", Format = "ort" },
                    [BuiltInProfiles.Find(profile)!]),
                _folder.File("out")),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken).Variants.Single(variant => variant.Chosen);
    }
}
