using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet models prove</c>: what a variant computes on processors that this machine is not.</summary>
internal static class ProveCommand
{
    public static Command Create(Shell shell)
    {
        var variant = new Argument<string>("VARIANT") { Description = "ONNX file of the variant." };
        var validation = new Option<string>("--validation") { HelpName = "DATA", Description = "Samples that judge, as 'fleet models quantize' takes them; with labels accuracy is the measure.", Required = true };
        var reference = new Option<string?>("--reference") { HelpName = "MODEL", Description = "The float model that it was made of; without it the variant's own native run is what others are compared with." };
        var processors = new Option<string?>("--processor") { HelpName = "NAMES", Description = "Processors, separated by commas: haswell, cortex-a53, cortex-a72, cortex-a76 [default], nehalem." };
        var profile = new Option<string?>("--profile") { HelpName = "NAME", Description = "Profile whose session settings are used [default: those of the report that 'quantize' left beside the variant]." };
        var entries = new Option<string[]>("--session-entry") { HelpName = "KEY=VALUE", Description = "A session setting, such as session.x64quantprecision=1. May be repeated." };
        var state = new Option<string[]>("--state") { HelpName = "IN=OUT", Description = "State that the model carries from sample to sample. May be repeated." };
        var shape = new Option<string[]>("--shape") { HelpName = "NAME=1x3x224x224", Description = "Shape of made-up samples of an input. May be repeated." };
        var samples = new Option<int>("--samples") { HelpName = "N", Description = "Samples that are run at most: emulation takes some hundred times as long.", DefaultValueFactory = _ => 100 };
        var command = new TaughtCommand("prove", """
            Runs a variant as other processors would, and puts accuracy or signal to noise of each next to the native one.

            The agent itself runs it, under qemu: x86 without VNNI, whose 8-bit products saturate, and Arm with and without the dot
            product. Ends with 1 when a processor loses more than 0.3 points or 0.5 dB. 'deploy/emulation.sh' installs what is needed.

            Examples:
              fleet models prove variants/x64-int8.onnx --reference model.onnx --validation held-out.npz
              fleet models prove variants/x64-int8.onnx --validation held-out.npz --processor haswell --session-entry session.x64quantprecision=1
              fleet models prove variants/arm-cpu-int8.onnx --validation test/ --samples 500 --json
            """) { variant, validation, reference, processors, profile, entries, state, shape, samples, Verb.Json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using var target = parsed.GetValue(profile) is { } named ? ProfileArguments.Of(named) : null;
            var file = Path.GetTempFileName();
            try
            {
                List<string> arguments = ["prove", parsed.GetRequiredValue(variant), "--validation", parsed.GetRequiredValue(validation), "--report", file, samples.Name, parsed.GetValue(samples).ToString(CultureInfo.InvariantCulture)];
                foreach (var option in (Option<string?>[])[reference, processors])
                {
                    if (parsed.GetValue(option) is { } value) arguments.AddRange([option.Name, value]);
                }
                if (target is not null) arguments.AddRange([profile.Name, target.Value]);
                foreach (var option in (Option<string[]>[])[entries, state, shape])
                {
                    foreach (var value in parsed.GetValue(option) ?? []) arguments.AddRange([option.Name, value]);
                }
                var (code, complaints) = await ModelingRun.RunAsync(shell, $"Prove {Path.GetFileName(parsed.GetRequiredValue(variant))}", arguments, cancellationToken);
                var json = await File.ReadAllBytesAsync(file, cancellationToken);
                // It ends with 1 for a variant that fails as for one that could not be tried; only the first leaves figures.
                if (json.Length == 0) throw new FleetException(complaints.Count > 0 ? complaints : [$"fleet-modeling ended with code {code}."]);
                var report = JsonSerializer.Deserialize(json, FleetJson.Default.ProofReport)!;
                if (parsed.GetValue(Verb.Json)) shell.WriteJson(report, FleetJson.Default.ProofReport);
                else VariantTables.Write(shell, report);
                return report.Holds ? ExitCode.Success : ExitCode.Failure;
            }
            finally
            {
                File.Delete(file);
            }
        });
        return command;
    }
}
