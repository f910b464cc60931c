using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Report;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Variants;

namespace Fleet.Modeling.Commands;

/// <summary><c>fleet-modeling quantize</c>: variants of a person's own model, without a build or a server.</summary>
internal static class QuantizeCommand
{
    public static Command Create()
    {
        var model = new Argument<FileInfo>("MODEL") { Description = "ONNX model" };
        var calibration = new Option<string>("--calibration") { Description = $"{ModelSamples.Forms}; without it only schemes that need no samples are tried", HelpName = "DATA" };
        var validation = new Option<string>("--validation") { Description = "Samples that judge, in the same forms; the default is 'synthetic'", HelpName = "DATA", DefaultValueFactory = _ => SampleSource.Synthetic };
        var profiles = new Option<string>("--profile") { Description = $"Hardware profiles, separated by commas: {BuiltInProfiles.Names}, or JSON files of your own", HelpName = "NAMES", DefaultValueFactory = _ => "x64,arm-cpu,jetson" };
        var labels = new Option<string?>("--labels") { Description = "npy of class numbers for the samples that judge, where they are not in the data", HelpName = "FILE" };
        var schemes = new Option<string>("--scheme") { Description = "Schemes, separated by commas, or 'auto': all that suit each profile", HelpName = "NAMES", DefaultValueFactory = _ => "auto" };
        var goal = new Option<string>("--goal") { Description = "What the choice is made by: latency, size or accuracy", HelpName = "NAME", DefaultValueFactory = _ => "latency" };
        var calibrator = new Option<string>("--calibrator") { Description = "minmax, percentile, mse or entropy", HelpName = "NAME", DefaultValueFactory = _ => "percentile" };
        var smallest = new Option<double>("--minimum-snr") { Description = "Decibels of signal to noise against the float model below which a variant is rejected", HelpName = "DB", DefaultValueFactory = _ => 15 };
        var state = new Option<string[]>("--state") { Description = "An input and the output that gives its next value, for a model with state whose names do not tell (state and stateN, h0 and hn, past and present are found); may be repeated", HelpName = "IN=OUT" };
        var shape = new Option<string[]>("--shape") { Description = "Shape of made-up samples of an input; without it the smallest of some usual ones that the model runs with. May be repeated", HelpName = "NAME=1x3x224x224" };
        var memory = new Option<double?>("--memory") { Description = "Gigabytes of memory that the work may take; the default is three quarters of what this machine has", HelpName = "GB" };
        var output = new Option<DirectoryInfo>("--out") { Description = "Folder for the variants, report.json and report.html", Required = true, HelpName = "DIR" };
        var progress = ProgressOutput.Option();
        var command = new Command("quantize", "Makes variants of your own ONNX model and compares them with it.") { model, calibration, validation, labels, progress, profiles, schemes, goal, calibrator, smallest, state, shape, memory, output };
        command.SetAction((parsed, cancellationToken) => Task.Run(() =>
        {
            var path = parsed.GetRequiredValue(model).FullName;
            // A model comes from anywhere: what it does to native code ends a child, not this process.
            if (GuardedRun.Folder is not { } folder) return GuardedRun.OwnCommand(Path.TrimEndingDirectorySeparator(parsed.GetRequiredValue(output).FullName), Path.GetFileName(path), parsed.GetValue(memory), cancellationToken);
            GuardedRun.Enter();
            NativeVariables.Set();
            try
            {
                var targets = NamedProfiles.Of(parsed.GetRequiredValue(profiles));
                var spec = new QuantizationSpec
                {
                    Profiles = [.. targets.Select(profile => profile.Name)],
                    CustomProfiles = NamedProfiles.CustomOf(targets),
                    Schemes = parsed.GetRequiredValue(schemes) == QuantizationSpec.Auto ? null : Names(parsed.GetRequiredValue(schemes)),
                    Goal = parsed.GetValue(goal),
                    Calibrator = parsed.GetRequiredValue(calibrator),
                    MinimumSignalToNoise = parsed.GetValue(smallest),
                };
                var source = new SourceSpec { Onnx = path, Calibration = Full(parsed.GetValue(calibration)), Validation = Full(parsed.GetRequiredValue(validation))!, ValidationLabels = Full(parsed.GetValue(labels)), State = parsed.GetValue(state) is { Length: > 0 } pairs ? pairs : null, Shapes = parsed.GetValue(shape) is { Length: > 0 } shapes ? shapes : null };
                var report = new ModelQuantizer(TimeProvider.System).Run(source, spec, targets, gate: null, folder, ProgressOutput.Of(parsed.GetValue(progress)), cancellationToken);
                File.WriteAllText(Path.Combine(folder, "report.json"), JsonSerializer.Serialize(report, FleetJson.Indented.QuantizationReport));
                File.WriteAllText(Path.Combine(folder, "report.html"), ReportPage.Render(report));
                if (!parsed.GetValue(progress)) Print(report);
                return 0;
            }
            catch (Exception e) when (e is InvalidDataException or ArgumentException)
            {
                throw new BuildException(e.Message, e);
            }
            catch (Exception e) when (e is OutOfMemoryException || RuntimeRefusal.IsMemory(e))
            {
                throw new BuildException($"{Path.GetFileName(path)} needs more memory than it may have; allow more with --memory, or give a smaller model or fewer samples.", e);
            }
        }, cancellationToken));
        return command;
    }

    private static string? Full(string? data) => data is null or SampleSource.Synthetic ? data : Path.GetFullPath(data);

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static void Print(QuantizationReport report)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Model}: {report.Bytes} bytes, on {report.MeasuredOn}"));
        if (report.Calibration?.IsMadeUp == true || report.Validation.IsMadeUp) Console.WriteLine("Made-up samples were used: sizes and speeds hold, closeness to the float model is a first look only.");
        VariantLines.Print(report.Variants);
    }
}
