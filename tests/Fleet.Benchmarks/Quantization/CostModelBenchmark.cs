using Fleet.Benchmarks.Quantization.Kernels;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Whether the cost model, which orders variants for processors that are not here, orders them as this one does, and as the instructions of
/// emulated ones do: every scheme over the public models, estimated and measured.
/// </summary>
internal static class CostModelBenchmark
{
    private const int Seed = 1;

    /// <summary>Instructions that differ by less are alike.</summary>
    private const double Alike = 1.02;

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        var encoder = new EncoderModel(Layers: 4, Width: 256, Inner: 1024, Heads: 4, Length: 64);
        OnnxFile.Save(encoder.Build(), folder["encoder.onnx"]);
        (string Name, string Path)[] models = [
            .. SharedData.IsPresent
                ? [
                    ("UltraFace RFB-320, as given", SharedData.PathOf("onnx-ultraface", "version-RFB-320.onnx")),
                    ("UltraFace RFB-320, simplified", SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx")),
                    ("MCUNet", SharedData.PathOf("onnx-deeploy", "hist-MCUNet", "network.onnx")),
                    ("Silero VAD", SharedData.PathOf("onnx-silero-vad", "silero_vad.onnx")),
                    ("Silero VAD, half", SharedData.PathOf("onnx-silero-vad", "silero_vad_half.onnx")),
                    ("GPT-2, tiny", Directory.GetFiles(SharedData.PathOf("llm-genai-tiny", "tiny-random-gpt2-fp32"), "*.onnx").Single()),
                ]
                : Array.Empty<(string, string)>(),
            ("encoder, drawn", folder["encoder.onnx"]),
        ];
        var table = new OrderTable();
        foreach (var (name, path) in models)
            table.Add("this one", name, FormsOf(path, folder[name.Replace(' ', '-')], cancellationToken));
        if (InstructionCounts.Missing() is not { } missing)
        {
            await InstructionCounts.CompileAsync(folder, cancellationToken);
            foreach (var (processor, profile) in ((EmulatedProcessor, HardwareProfile)[])[
                (EmulatedProcessor.Named("cortex-a72"), BuiltInProfiles.ArmCpu),
                (EmulatedProcessor.Named("cortex-a76"), BuiltInProfiles.ArmCpuDotProduct),
                (EmulatedProcessor.Named("haswell"), BuiltInProfiles.X64Avx2),
            ])
            {
                foreach (var (name, path) in models)
                    table.Add(processor.Name, name, await CountedAsync(name, path, processor, profile, folder, cancellationToken));
            }
            missing = "";
        }
        return $"""
            Every form that could be made of each model with made-up samples, times fp32 as prepared: measured, and estimated by the cost
            model of a profile. On this processor measured by pairs of calls; on emulated ones (qemu's user mode) by counted
            instructions, which know nothing of memory. Nothing here was fitted to: what kernels cost is fitted to other networks
            (quantize-kernels.md). Kendall's tau is taken over the pairs of forms, fp32 among them, that measuring tells apart (where
            instructions are counted by 2 %): those ordered alike less those ordered otherwise, over all (Kendall, A new measure of
            rank correlation, Biometrika 30, 1938). {missing}

            {table.Summary()}
            {table.Forms()}
            """;
    }

    private static async Task<List<OrderedForm>> CountedAsync(string name, string path, EmulatedProcessor processor,
        HardwareProfile profile, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        ModelForm[] forms = [.. ModelForms.Of(name.Replace(' ', '-'), path, profile, folder, cancellationToken)];
        var runs = (await ModelForms.CountedAsync(forms, processor, folder, cancellationToken)).ToDictionary(run => run.Name);
        var costs = KernelCosts.Of(profile);
        if (!runs.TryGetValue(forms[0].Title, out var whole)) return [];
        return [
            .. forms.Where(form => runs.ContainsKey(form.Title)).Select(form => new OrderedForm(form.Scheme,
                Counted(whole.Cost / runs[form.Title].Cost), costs.CostOf(whole.Work) / costs.CostOf(form.Work))),
        ];
    }

    private static RelativeSpeed Counted(double speed) => new(speed, speed / Math.Sqrt(Alike), speed * Math.Sqrt(Alike));

    private static List<OrderedForm> FormsOf(string path, string output, CancellationToken cancellationToken)
    {
        var report = new Quantizer().Run(
            new QuantizationRequest
            {
                Source = new SourceSpec { Onnx = path, Calibration = SampleSource.Synthetic, Validation = SampleSource.Synthetic },
                Quantization = new QuantizationSpec
                {
                    Profiles = ["x64"],
                    Schemes = [.. QuantizationSchemes.All.Select(scheme => scheme.Name).Order(StringComparer.Ordinal)],
                    MinimumSignalToNoise = 5,
                },
            },
            output, new Progress<BuildProgress>(), cancellationToken);
        using var session = OnnxRuntimeSession.Open(path);
        var inputs = ModelInput.Of(session);
        var state = ModelState.Of(session, inputs, []);
        var source = new SourceSpec { Onnx = path, Validation = SampleSource.Synthetic };
        var samples = ModelSamples.Read(
            SampleSource.Synthetic, inputs, state, Seed, shapes: SyntheticShapes.For(source, session, inputs, state)).Feeds;
        var here = BuiltInProfiles.X64 with
        {
            Match = BuiltInProfiles.X64.Match with
            {
                RequiredIsaFlags = [.. ThisMachine.Facts.IsaFlags.Where(flag => flag is "avx512_vnni" or "avx_vnni")],
            },
        };
        var costs = new CostModel(here, samples);
        using var folder = new TemporaryFolder();
        OnnxFile.Save(PreparedModel.From(path, folder.Path).Model, folder["fp32.onnx"]);
        var whole = costs.CostOf(folder["fp32.onnx"], new RuntimeSettings(), cancellationToken)
            ?? throw new InvalidOperationException($"{path} could not be estimated.");
        var forms = new List<OrderedForm> { new("fp32", RelativeSpeed.Original, 1) };
        foreach (var variant in report.Variants.Where(variant => variant is { SpeedUpInterval: not null, Artifact: not null }))
        {
            var (measured, file) = (variant.SpeedUpInterval!, Path.Combine(output, variant.Artifact!.Name));
            if (costs.CostOf(file, variant.Runtime.On(ThisMachine.Facts.IsaFlags), cancellationToken) is { } cycles)
                forms.Add(new OrderedForm(
                    variant.Scheme, new RelativeSpeed(variant.SpeedUp!.Value, measured.Low, measured.High), whole / cycles));
        }
        return forms;
    }
}
