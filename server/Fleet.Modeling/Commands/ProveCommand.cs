using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Releases;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Samples;

namespace Fleet.Modeling.Commands;

/// <summary><c>fleet-modeling prove</c>: what a variant computes on processors that this machine is not.</summary>
internal static class ProveCommand
{
    /// <summary>Samples that are run unless more are asked for: emulation takes some hundred times as long.</summary>
    private const int UsualSamples = 100;

    public static Command Create()
    {
        var variant = new Argument<FileInfo>("VARIANT") { Description = "ONNX file of the variant" };
        var validation = new Option<string>("--validation") { Description = $"Samples that judge: {ModelSamples.Forms}", HelpName = "DATA", Required = true };
        var reference = new Option<FileInfo?>("--reference") { Description = "The float model that the variant was made of; without it the variant's own native run is what others are compared with", HelpName = "MODEL" };
        var processors = new Option<string>("--processor") { Description = $"Processors, separated by commas, of {string.Join(", ", EmulatedProcessor.All.Select(processor => processor.Name))}", HelpName = "NAMES", DefaultValueFactory = _ => string.Join(',', EmulatedProcessor.Usual.Select(processor => processor.Name)) };
        var profile = new Option<string?>("--profile") { Description = "Hardware profile whose session settings are used; without it those of the report that 'quantize' left beside the variant", HelpName = "NAME" };
        var entries = new Option<string[]>("--session-entry") { Description = "A session setting, such as session.x64quantprecision=1; may be repeated", HelpName = "KEY=VALUE" };
        var state = new Option<string[]>("--state") { Description = "State that the model carries from sample to sample, as IN=OUT; may be repeated. Usual names are found without it", HelpName = "IN=OUT" };
        var shape = new Option<string[]>("--shape") { Description = "Shape of made-up samples of an input; may be repeated", HelpName = "NAME=1x3x224x224" };
        var samples = new Option<int>("--samples") { Description = "Samples that are run at most", HelpName = "N", DefaultValueFactory = _ => UsualSamples };
        var report = new Option<FileInfo?>("--report") { Description = "File that the figures are written to as JSON", HelpName = "FILE" };
        var progress = ProgressOutput.Option();
        samples.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1) result.AddError("--samples must be at least 1.");
        });
        var command = new Command("prove", "Runs a variant as other processors would, and puts accuracy or signal to noise of each next to the native one.") { variant, validation, reference, processors, profile, entries, state, shape, samples, report, progress };
        command.SetAction((parsed, cancellationToken) => Task.Run(async () =>
        {
            NativeVariables.Set();
            try
            {
                var path = ExistingFile(parsed.GetRequiredValue(variant));
                var original = parsed.GetValue(reference) is { } model ? ExistingFile(model) : null;
                IReadOnlyList<ModelInput> inputs;
                ModelState carried;
                SyntheticShapes? shapes;
                var source = new SourceSpec { Onnx = path, Validation = parsed.GetRequiredValue(validation), Shapes = parsed.GetValue(shape) is { Length: > 0 } shaped ? shaped : null };
                using (var session = OnnxRuntimeSession.Open(path))
                {
                    carried = ModelState.Of(session, inputs = ModelInput.WithTables(ModelInput.Of(session), OnnxFile.Load(original ?? path)), parsed.GetValue(state) ?? []);
                    shapes = SyntheticShapes.For(source, session, inputs, carried);
                }
                var data = ModelSamples.Read(source.Validation, inputs, carried, seed: 2, shapes: shapes);
                var task = new ProofTask(path, original, data.Feeds, data.Labels, data.Source, parsed.GetValue(samples),
                    SettingsOf(path, parsed.GetValue(profile), parsed.GetValue(entries) ?? []), [.. parsed.GetRequiredValue(processors).Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(EmulatedProcessor.Named)]);
                var proof = await new VariantProof(Emulation.OfThisMachine()).RunAsync(task, ProgressOutput.Of(parsed.GetValue(progress)), cancellationToken);
                if (parsed.GetValue(report) is { } file) await File.WriteAllTextAsync(file.FullName, JsonSerializer.Serialize(proof, FleetJson.Indented.ProofReport), cancellationToken);
                if (!parsed.GetValue(progress)) Print(proof);
                return proof.Holds ? 0 : 1;
            }
            catch (Exception e) when (e is InvalidDataException or ArgumentException)
            {
                throw new BuildException(e.Message, e);
            }
        }, cancellationToken));
        return command;
    }

    private static string ExistingFile(FileInfo file) => file.Exists ? file.FullName : throw new InvalidDataException($"{file.FullName} does not exist.");

    /// <summary>Settings as asked for; without a word about them those of the report that <c>quantize</c> left beside the variant.</summary>
    private static RuntimeSettings SettingsOf(string variant, string? profile, string[] entries)
    {
        var settings = profile is null && entries.Length == 0 ? Recorded(variant) : profile is null ? new RuntimeSettings() : NamedProfiles.Of(profile)[0].Runtime;
        if (entries.Length == 0) return settings;
        var all = settings.SessionEntries.ToDictionary();
        foreach (var entry in entries)
        {
            if (entry.Split('=', 2) is not [{ Length: > 0 } key, var value]) throw new ArgumentException($"Session setting '{entry}' must look like key=value.");
            all[key] = value;
        }
        return settings with { SessionEntries = all };
    }

    private static RuntimeSettings Recorded(string variant)
    {
        var report = Path.Combine(Path.GetDirectoryName(variant)!, "report.json");
        if (!File.Exists(report)) return new RuntimeSettings();
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(report));
            return json.RootElement.GetProperty("variants").EnumerateArray()
                .Where(entry => entry.TryGetProperty("artifact", out var artifact) && artifact.GetProperty("name").GetString() == Path.GetFileName(variant))
                .Select(entry => entry.GetProperty("runtime").Deserialize(FleetJson.Default.RuntimeSettings)).FirstOrDefault() ?? new RuntimeSettings();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{report} is no report of 'quantize' ({e.Message}); say with --profile or --session-entry what the variant is run with.", e);
        }
    }

    private static void Print(ProofReport proof)
    {
        string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        Console.WriteLine(Text($"{proof.Variant}: {proof.Samples} samples of {proof.Validation}, {(proof.Reference is { } reference ? $"against {reference}" : "against its own native run")}"));
        foreach (var processor in proof.Processors)
            Console.WriteLine(Text($"{processor.Processor,-12}{(processor.Accuracy is { } accuracy ? Text($"accuracy {accuracy:0.0000}  ") : "")}{processor.SignalToNoise,6:0.0} dB  {(processor.Holds ? "holds" : "fails")}  {processor.Detail}"));
    }
}
