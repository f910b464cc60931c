using System.Globalization;
using System.Text;
using Fleet.Benchmarks.Quantization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// What <c>quantize</c> makes of public models, computed by the agent on processors that this machine is not. First the fault that
/// makes it necessary: one product of 8-bit integers, on a processor without VNNI.
/// </summary>
internal static class CrossProcessorBenchmark
{
    /// <summary>No processor of any profile: nothing is timed, which emulation could not repeat.</summary>
    private static readonly DeviceFacts Nowhere = new() { Architecture = "none" };

    private static readonly string[] Shown = ["native", "haswell", "cortex-a53", "cortex-a72", "cortex-a76"];
    private static readonly RuntimeSettings Plain = new();

    /// <summary>
    /// A model, its samples as quantize takes them, how many of those are run under emulation, and the schemes that 'auto' has chosen from
    /// for each profile.
    /// </summary>
    private sealed record Subject(
        string Name, string Model, string Calibration, string Validation, int Proved, params (string Profile, string[] Schemes)[] Made);

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (!SharedData.IsPresent) return SharedData.Absent;
        if (Emulation.OfThisMachine().MissingFor(EmulatedProcessor.Usual) is { Count: > 0 } missing)
            return $"{string.Join(" ", missing)} {Emulation.Remedy} provides all of it.";
        using var folder = new TemporaryFolder();
        var text = new StringBuilder(
            "## One product of 8x256 by 256x32, uniform activations and weights\n\nRelative error (root mean square) against the float "
                + "product, the agent on each processor. `x64quantprecision` is the session entry that the profiles `x64` and `x64-avx2` "
                + "carry.\n\n");
        text.Append(Told(await SaturationAsync(folder, cancellationToken)));
        text.Append("\n## Variants of public models\n\nSignal to noise in dB against the float model over all outputs, for the schemes "
            + "that `auto` chooses from. Variants for x86 run on the emulated x86, those for Arm on the emulated Arm processors, with the "
            + "settings of their profile; the last column is what the worst of them loses against the native run (0.5 dB is allowed). "
            + "Samples are those of the other tables here: made-up pictures with the statistics of photographs, windows of a recording, "
            + "drawn hidden states.\n");
        foreach (var subject in Subjects(folder)) text.Append(await ReleasedAsync(subject, folder, cancellationToken));
        text.Append("\nThe session entry does not reach the LSTM operator; its weights are unsigned for every profile "
            + "([decisions/0040](../../../server/decisions/0040-unsigned-weights-and-the-setting.md)).\n");
        return text.ToString();
    }

    /// <summary>Hours may pass on a busy machine: what is known is shown.</summary>
    private static string Told(string part)
    {
        Console.Error.WriteLine(part);
        return part;
    }

    private static async Task<string> SaturationAsync(TemporaryFolder folder, CancellationToken cancellationToken)
    {
        var text = new StringBuilder(
            $"| form | {string.Join(" | ", Shown)} |\n|---|{string.Concat(Enumerable.Repeat("---:|", Shown.Length))}\n");
        var reference = SaturatingModel.Float(folder.Path);
        foreach (var (name, model, runtime) in new[]
        {
            ("U8S8", SaturatingModel.SignedWeights(folder.Path), Plain),
            ("U8S8, x64quantprecision", SaturatingModel.SignedWeights(folder.Path), BuiltInProfiles.X64.Runtime),
            ("U8U8", SaturatingModel.UnsignedWeights(folder.Path), Plain),
        })
        {
            var proof = await ProveAsync(
                new ProofTask(model, reference, SaturatingModel.Samples(8), null, "made up", 8, runtime, EmulatedProcessor.Usual),
                cancellationToken);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {string.Join(" | ",
                    proof.Processors.Select(processor => Math.Pow(10, -processor.SignalToNoise!.Value / 20)
                        .ToString("0.0000", CultureInfo.InvariantCulture)))} |");
        }
        return text.ToString();
    }

    private static async Task<string> ReleasedAsync(Subject subject, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        IReadOnlyList<ModelInput> inputs;
        ModelState state;
        using (var session = OnnxRuntimeSession.Open(subject.Model)) state = ModelState.Of(session, inputs = ModelInput.Of(session), []);
        var samples = ModelSamples.Read(subject.Validation, inputs, state, seed: 2);
        var text = new StringBuilder(
            $"\n### {subject.Name}\n\n{subject.Proved} held-out samples.\n\n| variant | scheme | bytes of fp32 | "
                + $"{string.Join(" | ", Shown)} | lost, dB "
                + $"|\n|---|---|---:|{string.Concat(Enumerable.Repeat("---:|", Shown.Length + 1))}\n");
        foreach (var (profile, schemes) in subject.Made)
        {
            var output = folder[$"{subject.Name}-{profile}"];
            var source = new SourceSpec { Onnx = subject.Model, Calibration = subject.Calibration, Validation = subject.Validation };
            // Whether a variant is close enough is not the question here: each is taken as its scheme makes it.
            var spec = new QuantizationSpec { Profiles = [profile], Schemes = schemes, MinimumSignalToNoise = 0 };
            var report = new Quantizer(machine: Nowhere)
                .Run(new QuantizationRequest { Source = source, Quantization = spec }, output,
                    new Progress<BuildProgress>(), cancellationToken);
            var processors = EmulatedProcessor.Usual.Where(
                processor => processor.Architecture == "x64" == profile.StartsWith("x64", StringComparison.Ordinal)).ToArray();
            foreach (var variant in report.Variants.Where(variant => variant.Artifact is not null && schemes.Contains(variant.Scheme)))
            {
                async Task<ProofReport> Prove(RuntimeSettings runtime) => await ProveAsync(
                    new ProofTask(Path.Combine(output, variant.Artifact!.Name), subject.Model, samples.Feeds, null, subject.Name,
                        subject.Proved, runtime, processors), cancellationToken);
                text.AppendLine(Told(Row(variant.Id, variant, report, await Prove(variant.Runtime))));
                // What would happen without the setting, where it decides.
                if (profile == "x64")
                    text.AppendLine(Told(Row($"{variant.Id}, setting left out", variant, report,
                        await Prove(variant.Runtime with
                        {
                            SessionEntries = variant.Runtime.SessionEntries.Where(entry => entry.Key != "session.x64quantprecision")
                                .ToDictionary(),
                        }))));
            }
        }
        return text.ToString();
    }

    private static string Row(string name, VariantReport variant, QuantizationReport report, ProofReport proof)
    {
        string Figure(string processor) => proof.Processors.FirstOrDefault(one => one.Processor == processor) switch
        {
            null => "",
            { SignalToNoise: null } failed => failed.Detail,
            { SignalToNoise: >= Closeness.Exact } => "equal",
            { SignalToNoise: var decibels } => decibels.Value.ToString("0.0", CultureInfo.InvariantCulture),
        };
        var lost = proof.Processors.Max(processor => processor.Loss ?? (processor.Holds ? 0 : double.NaN));
        return string.Create(CultureInfo.InvariantCulture,
            $"| {name} | {variant.Scheme} | {(double)variant.Artifact!.Bytes / report.Bytes:P1} | "
                + $"{string.Join(" | ", Shown.Select(Figure))} | {lost:0.0}{(proof.Holds ? "" : " **fails**")} |");
    }

    private static Task<ProofReport> ProveAsync(ProofTask task, CancellationToken cancellationToken)
        => new VariantProof(Emulation.OfThisMachine()).RunAsync(task, new Progress<BuildProgress>(), cancellationToken);

    private static IEnumerable<Subject> Subjects(TemporaryFolder folder)
    {
        string Pictures(string name, string input, int count, int height, int width, int seed, Func<double, double> normalize)
        {
            return Write(folder[name], input,
                NpyArray.Of(PhotoLikePictures.Make(count, height, width, seed, normalize), count, 3, height, width));
        }
        yield return new Subject("MCUNet", SharedData.PathOf("onnx-deeploy", "hist-MCUNet", "network.onnx"),
            Pictures("mcunet-c.npz", "input", 16, 96, 96, 1, value => (value - 127) / 64),
            Pictures("mcunet-v.npz", "input", 12, 96, 96, 2, value => (value - 127) / 64), 12,
            ("x64", ["int8-static-u8s8"]), ("x64-avx2", ["int8-static-u8u8"]), ("arm-cpu", ["int8-static-s8s8"]));
        yield return new Subject("Silero VAD", SharedData.PathOf("onnx-silero-vad", "silero_vad.onnx"),
            Windows(folder["silero-c.npz"], 0, 400), Windows(folder["silero-v.npz"], 400, 600), 100,
            ("x64", ["int8-weights", "int8-dynamic"]), ("arm-cpu", ["int8-weights", "int8-dynamic"]));
        yield return new Subject("UltraFace RFB-320", SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx"),
            Pictures("ultraface-c.npz", "input", 8, 240, 320, 1, value => (value - 127) / 128),
            Pictures("ultraface-v.npz", "input", 4, 240, 320, 2, value => (value - 127) / 128), 4,
            ("x64", ["int8-static-u8s8"]), ("x64-avx2", ["int8-static-u8u8"]), ("arm-cpu", ["int8-static-s8s8"]));
        var encoder = new EncoderModel(Layers: 4, Width: 312, Inner: 1248, Heads: 12, Length: 128);
        OnnxFile.Save(encoder.Build(), folder["encoder.onnx"]);
        string States(string name, int count, int seed)
        {
            var random = new Random(seed);
            float[] values = [
                .. Enumerable.Range(0, count * encoder.Length * encoder.Width)
                    .Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble()))),
            ];
            return Write(folder[name], "x", NpyArray.Of(values, count, encoder.Length, encoder.Width));
        }
        yield return new Subject(
            "Encoder, 4 layers of 312", folder["encoder.onnx"], States("encoder-c.npz", 8, 1), States("encoder-v.npz", 4, 2), 4,
            ("x64", ["int8-static-u8s8", "int8-dynamic"]), ("x64-avx2", ["int8-static-u8u8"]),
            ("arm-cpu", ["int8-dynamic", "int4-weights"]));
    }

    private static string Windows(string path, int from, int to)
    {
        var (frames, _) = SpeechFrames.Of(SharedData.PathOf("onnx-silero-vad", "test.wav"));
        using var file = File.Create(path);
        NpzArchive.Write(file,
        [
            new("input", NpyArray.Of(
                frames.AsSpan(from * SpeechFrames.Length, (to - from) * SpeechFrames.Length), to - from, 1, SpeechFrames.Length)),
            new("sr", NpyArray.Of([16000L])),
        ]);
        return path;
    }

    private static string Write(string path, string input, NpyArray array)
    {
        using var file = File.Create(path);
        NpzArchive.Write(file, [new(input, array)]);
        return path;
    }
}
