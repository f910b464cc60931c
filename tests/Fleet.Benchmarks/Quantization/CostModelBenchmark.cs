using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization;
using Fleet.Quantization.Estimates;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Whether the cost model, which orders variants for processors that are not here, orders them as this one does: every scheme over the
/// public models, estimated and measured.
/// </summary>
internal static class CostModelBenchmark
{
    private const int Seed = 1;

    public static Task<string> RunAsync(CancellationToken cancellationToken)
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
        var (summary, all) = (new StringBuilder(), new StringBuilder());
        summary.AppendLine(
            "| model | forms | pairs that measuring tells apart | ordered alike | Kendall's tau | error of the estimate, median |")
            .AppendLine("|---|--:|--:|--:|--:|--:|");
        all.AppendLine("| model | form | measured | 95 % | estimated |").AppendLine("|---|---|--:|--:|--:|");
        var (told, alike, unlike) = (0, 0, 0);
        foreach (var (name, path) in models)
        {
            var forms = FormsOf(path, folder[name.Replace(' ', '-')], cancellationToken);
            var pairs = forms.SelectMany((one, i) => forms.Skip(i + 1).Select(other => (One: one, Other: other)))
                .Where(pair => AreTold(pair.One.Measured, pair.Other.Measured)).ToArray();
            var same = pairs.Count(pair => Order(pair.One, pair.Other) > 0);
            var other = pairs.Count(pair => Order(pair.One, pair.Other) < 0);
            (told, alike, unlike) = (told + pairs.Length, alike + same, unlike + other);
            double[] errors = [.. forms.Skip(1).Select(form => Math.Exp(Math.Abs(Math.Log(form.Estimated / form.Measured.Value)))).Order()];
            summary.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {forms.Count} | {pairs.Length} | {same} | "
                    + $"{Tau(pairs.Length, same, other)} | {errors[errors.Length / 2]:0.00}x |");
            foreach (var form in forms.Skip(1))
                all.AppendLine(CultureInfo.InvariantCulture,
                    $"| {name} | {form.Scheme} | {form.Measured.Value:0.00}x | {form.Measured.Low:0.00} to {form.Measured.High:0.00} | "
                        + $"{form.Estimated:0.00}x |");
        }
        return Task.FromResult(
            $"""
            Every form that could be made of each model with made-up samples, times fp32 as prepared: measured by pairs of calls, and
            estimated by the cost model of a profile of this processor. Kendall's tau is taken over the pairs of forms, fp32 among them,
            that measuring tells apart: those ordered alike less those ordered otherwise, over all (Kendall, A new measure of rank
            correlation, Biometrika 30, 1938).

            {summary}| all | | {told} | {alike} | {Tau(told, alike, unlike)} | |

            {all}
            """);
    }

    private static string Tau(int pairs, int same, int other)
        => pairs == 0 ? "–" : ((double)(same - other) / pairs).ToString("0.00", CultureInfo.InvariantCulture);

    private static bool AreTold(RelativeSpeed one, RelativeSpeed other) => one.IsFasterThan(other) || other.IsFasterThan(one);

    private static int Order(Form one, Form other)
        => Math.Sign(one.Measured.Value - other.Measured.Value) * Math.Sign(one.Estimated - other.Estimated);

    private static List<Form> FormsOf(string path, string output, CancellationToken cancellationToken)
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
        var whole = costs.CyclesOf(folder["fp32.onnx"], new RuntimeSettings(), cancellationToken)
            ?? throw new InvalidOperationException($"{path} could not be estimated.");
        var forms = new List<Form> { new("fp32", RelativeSpeed.Original, 1) };
        foreach (var variant in report.Variants.Where(variant => variant is { SpeedUpInterval: not null, Artifact: not null }))
        {
            var (measured, file) = (variant.SpeedUpInterval!, Path.Combine(output, variant.Artifact!.Name));
            if (costs.CyclesOf(file, variant.Runtime.On(ThisMachine.Facts.IsaFlags), cancellationToken) is { } cycles)
                forms.Add(new Form(
                    variant.Scheme, new RelativeSpeed(variant.SpeedUp!.Value, measured.Low, measured.High), whole / cycles));
        }
        return forms;
    }

    private sealed record Form(string Scheme, RelativeSpeed Measured, double Estimated);
}
