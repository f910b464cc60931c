using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Quantization.Tests.Proof;

/// <summary>The agent itself, run on processors that this machine is not.</summary>
public sealed class VariantProofTests : IDisposable
{
    private const string NotHere = $"Other processors cannot be emulated here; {Emulation.Remedy} provides what is missing.";

    private readonly ScratchFolder _folder = new();

    public static bool EmulatesX64 => Emulation.OfThisMachine().MissingFor([EmulatedProcessor.Named("haswell")]).Count == 0;

    /// <summary>A processor that saturates is told from this one only where this one does not.</summary>
    public static bool EmulatesX64FromVnni => EmulatesX64 && ThisMachine.Facts.IsaFlags.Intersect(["avx512_vnni", "avx_vnni"]).Any();

    public static bool EmulatesArm => Emulation.OfThisMachine().MissingFor([EmulatedProcessor.Named("cortex-a72")]).Count == 0;

    public void Dispose() => _folder.Dispose();

    [Fact(Skip = $"{NotHere} It also takes a processor with VNNI.", SkipUnless = nameof(EmulatesX64FromVnni))]
    public async Task Processor_without_VNNI_loses_accuracy_to_saturation_until_the_setting_of_its_profile_is_made()
    {
        var without = await ProveAsync(SaturatingModel.SignedWeights(_folder.Path), new RuntimeSettings(), "haswell");
        Assert.False(without.Holds);
        Assert.InRange(without.Processors[1].Loss!.Value, 10, 30);
        Assert.Contains("session.x64quantprecision=1", without.Processors[1].Detail, StringComparison.Ordinal);

        // What the manifest carries for x64. The agent leaves it out natively where VNNI is, and keeps it on the emulated processor.
        var with = await ProveAsync(SaturatingModel.SignedWeights(_folder.Path), BuiltInProfiles.X64.Runtime, "haswell");
        Assert.True(with.Holds, with.Processors[1].Detail);
        Assert.InRange(with.Processors[1].Loss!.Value, -0.1, 0.1);
    }

    [Fact(Skip = NotHere, SkipUnless = nameof(EmulatesX64))]
    public async Task Unsigned_weights_do_not_saturate_without_any_setting()
    {
        var proof = await ProveAsync(SaturatingModel.UnsignedWeights(_folder.Path), new RuntimeSettings(), "haswell");
        Assert.True(proof.Holds, proof.Processors[1].Detail);
        Assert.InRange(proof.Processors[1].Loss!.Value, -0.1, 0.1);
    }

    [Fact(Skip = NotHere, SkipUnless = nameof(EmulatesArm))]
    public async Task Arm_computes_what_this_machine_computes()
    {
        var proof = await ProveAsync(SaturatingModel.SignedWeights(_folder.Path), BuiltInProfiles.X64.Runtime, "cortex-a72");
        Assert.True(proof.Holds, proof.Processors[1].Detail);
        Assert.InRange(proof.Processors[1].Loss!.Value, -0.1, 0.1);
    }

    [Fact(Skip = NotHere, SkipUnless = nameof(EmulatesX64))]
    public async Task Labels_make_accuracy_the_measure()
    {
        var model = TinyModels.Gemm();
        OnnxFile.Save(model, _folder.File("classifier.onnx"));
        var set = TinyModels.SamplesFor(model, 40, seed: 4);
        var samples = set.Feeds("x");
        long[] decisions;
        using (var session = OnnxRuntimeSession.Open(_folder.File("classifier.onnx")))
            decisions = [
                .. ModelOutputs.Of(session, samples, TestContext.Current.CancellationToken).Decisions().Select(decision => (long)decision),
            ];
        // A quarter of the labels are wrong on purpose.
        long[] labels = [.. decisions.Select((decision, sample) => sample % 4 == 0 ? (decision + 1) % 5 : decision)];
        var proof = await new VariantProof(Emulation.OfThisMachine()).RunAsync(
            new ProofTask(_folder.File("classifier.onnx"), null, samples, labels, "made up", 100, new RuntimeSettings(),
                [EmulatedProcessor.Named("haswell")]),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.Equal([0.75, 0.75], proof.Processors.Select(processor => processor.Accuracy!.Value));
        Assert.Equal((true, 0.0, 40), (proof.Holds, proof.Processors[1].Loss, proof.Samples));
    }

    [Fact(Skip = NotHere, SkipUnless = nameof(EmulatesX64))]
    public async Task Samples_that_differ_in_size_are_proved_each_with_its_label()
    {
        var model = new GraphBuilder().Input("x", 1, 3, -1, -1).Weight("w", 4, 3, 3, 3).Node("Conv", ["x", "w"], "c", Padded)
            .Node("GlobalAveragePool", ["c"], "p").Node("Flatten", ["p"], "y").Output("y", 1, 4).Save(_folder, "any-size.onnx");
        var random = new Random(5);
        foreach (var (number, (width, height)) in new[] { (9, 6), (6, 9), (9, 6), (8, 8), (6, 9), (9, 6) }.Index())
        {
            var pixels = new byte[width * height * 3];
            random.NextBytes(pixels);
            Directory.CreateDirectory(_folder.File("pictures"));
            File.WriteAllBytes(_folder.File($"pictures/{number}.png"), PngWriter.Write(width, height, 3, pixels));
        }
        var read = ProofTask.Of(new ProofRequest
        {
            Variant = new SourceSpec { Onnx = model, Validation = _folder.File("pictures") },
            Processors = ["haswell"],
        });
        long[] decisions;
        using (var session = OnnxRuntimeSession.Open(model))
            decisions = [
                .. ModelOutputs.Of(session, read.Samples, TestContext.Current.CancellationToken).Decisions().Select(one => (long)one),
            ];
        var proof = await new VariantProof(Emulation.OfThisMachine()).RunAsync(
            read with { Labels = [.. decisions.Select((decision, sample) => sample == 3 ? (decision + 1) % 4 : decision)] },
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        Assert.True(proof.Holds, proof.Processors[1].Detail);
        Assert.Equal(6, proof.Samples);
        Assert.All(proof.Processors, processor => Assert.Equal(5 / 6.0, processor.Accuracy!.Value, 9));
    }

    private static void Padded(NodeProto node) => node.With("pads", [1, 1, 1, 1]);

    private Task<ProofReport> ProveAsync(string variant, RuntimeSettings runtime, params string[] processors)
        => new VariantProof(Emulation.OfThisMachine()).RunAsync(
            new ProofTask(variant, SaturatingModel.Float(_folder.Path), SaturatingModel.Samples(4), null, "made up", 100, runtime,
                [.. processors.Select(EmulatedProcessor.Named)]),
            new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
}
