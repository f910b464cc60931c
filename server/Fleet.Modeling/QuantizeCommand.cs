using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Quantization;

namespace Fleet.Modeling;

/// <summary><c>fleet-modeling quantize</c>: variants of a person's own model, without a build or a server.</summary>
internal static class QuantizeCommand
{
    /// <summary>Samples made up when there are none.</summary>
    private const int SyntheticSamples = 16;

    public static Command Create()
    {
        var model = new Argument<FileInfo>("MODEL") { Description = "ONNX model" };
        var calibration = new Option<string>("--calibration") { Description = $"{ModelSamples.Forms}; without it only schemes that need no samples are tried", HelpName = "DATA" };
        var validation = new Option<string>("--validation") { Description = "Samples that judge, in the same forms; the default is 'synthetic'", HelpName = "DATA", DefaultValueFactory = _ => "synthetic" };
        var profiles = new Option<string>("--profile") { Description = "Hardware profiles, separated by commas", HelpName = "NAMES", DefaultValueFactory = _ => string.Join(',', BuiltInProfiles.All.Select(profile => profile.Name)) };
        var schemes = new Option<string>("--scheme") { Description = "Schemes, separated by commas, or 'auto': all that suit each profile", HelpName = "NAMES", DefaultValueFactory = _ => "auto" };
        var calibrator = new Option<string>("--calibrator") { Description = "minmax, percentile, mse or entropy", HelpName = "NAME", DefaultValueFactory = _ => "percentile" };
        var smallest = new Option<double>("--minimum-snr") { Description = "Decibels of signal to noise against the float model below which a variant is rejected", HelpName = "DB", DefaultValueFactory = _ => 15 };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for the variants and report.json", Required = true, HelpName = "DIR" };
        var command = new Command("quantize", "Makes variants of your own ONNX model and compares them with it.") { model, calibration, validation, profiles, schemes, calibrator, smallest, output };
        command.SetAction((parsed, cancellationToken) => Task.Run(() =>
        {
            NativeEnvironment.SetVariables();
            var path = parsed.GetRequiredValue(model).FullName;
            try
            {
                var settings = new ModelQuantization(
                    [.. Names(parsed.GetRequiredValue(profiles)).Select(Profile)],
                    parsed.GetRequiredValue(schemes) == "auto" ? [] : [.. Names(parsed.GetRequiredValue(schemes)).Select(QuantizationSchemes.Named)],
                    Calibrators.Named(parsed.GetRequiredValue(calibrator)), parsed.GetValue(smallest));
                _ = PreparedModel.Read(PathOf(path));
                IReadOnlyList<ModelInput> inputs;
                using (var session = OnnxRuntimeSession.Open(path)) inputs = ModelInput.Of(session);
                var variants = new ModelQuantizer().Make(path, Samples(parsed.GetValue(calibration), inputs, seed: 1), Samples(parsed.GetRequiredValue(validation), inputs, seed: 2)!,
                    settings, parsed.GetRequiredValue(output).FullName, cancellationToken);
                var report = new QuantizeReport(Path.GetFileName(path), new FileInfo(path).Length, ThisMachine.Description, parsed.GetValue(calibration), parsed.GetRequiredValue(validation), variants);
                File.WriteAllText(Path.Combine(parsed.GetRequiredValue(output).FullName, "report.json"), JsonSerializer.Serialize(report, QuantizeJson.Default.QuantizeReport));
                Print(report);
                return 0;
            }
            catch (Exception e) when (e is InvalidDataException or ArgumentException)
            {
                throw new BuildException(e.Message, e);
            }
        }, cancellationToken));
        return command;
    }

    private static string PathOf(string path) => File.Exists(path) ? path : throw new InvalidDataException($"{path} does not exist.");

    private static IFeedSource? Samples(string? data, IReadOnlyList<ModelInput> inputs, int seed) => data switch
    {
        null => null,
        "synthetic" => new SyntheticFeeds(inputs, SyntheticSamples, seed),
        _ => ArrayFeeds.Read(PathOf(data), inputs),
    };

    private static HardwareProfile Profile(string name) => BuiltInProfiles.Find(name)
        ?? throw new ArgumentException($"Profile '{name}' is not known; it is one of {string.Join(", ", BuiltInProfiles.All.Select(profile => profile.Name))}.");

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static void Print(QuantizeReport report)
    {
        string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        Console.WriteLine(Text($"{report.Model}: {report.Bytes} bytes, on {report.MeasuredOn}"));
        if (report.Calibration == "synthetic" || report.Validation == "synthetic") Console.WriteLine("Made-up samples were used: sizes and speeds hold, closeness to the float model is a first look only.");
        foreach (var variant in report.Variants)
        {
            Console.WriteLine(Text($"{(variant.Chosen ? "*" : " ")} {variant.Id,-22}{variant.Scheme,-23}{variant.Bytes,10} bytes {(variant.Closeness is { } close ? Text($"{close.SignalToNoise,6:0.0} dB  cosine {close.Cosine:0.0000}  agree {close.Agreement:0.000}") : "")}{(variant.SpeedUp is { } speed ? Text($"  {speed:0.00}x") : "")}  {(variant.Accepted ? "accepted" : "rejected")}"));
            foreach (var reason in variant.Reasons) Console.WriteLine($"    {reason}");
        }
    }
}

/// <summary>What <c>quantize</c> found.</summary>
/// <param name="Model">File name of the float model.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="MeasuredOn">The machine of the latencies.</param>
/// <param name="Calibration">Where the samples that fix ranges came from.</param>
/// <param name="Validation">Where the samples that judge came from.</param>
/// <param name="Variants">Every variant tried.</param>
internal sealed record QuantizeReport(string Model, long Bytes, string MeasuredOn, string? Calibration, string Validation, IReadOnlyList<ModelVariant> Variants);

/// <summary>Generated serialization of the report.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(QuantizeReport))]
internal sealed partial class QuantizeJson : JsonSerializerContext;
