using System.CommandLine;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Processes;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet models prove</c>: what a variant computes on processors that this machine is not.</summary>
internal static class ProveCommand
{
    public static Command Create(Shell shell)
    {
        var variant = new Argument<string>("VARIANT") { Description = "ONNX file of the variant." };
        var validation = new Option<string>("--validation")
        {
            HelpName = "DATA",
            Description = "Samples that judge, as 'fleet models quantize' takes them; with labels accuracy is the measure.",
            Required = true,
        };
        var labels = new Option<string?>("--labels")
        {
            HelpName = "FILE",
            Description = "npy of class numbers for the samples, where they are not in DATA.",
        };
        var task = ModelOptions.Task("What the model does, which says what labels look like [default: as the report that 'quantize' left "
            + "beside the variant says, else classification].");
        var reference = new Option<string?>("--reference")
        {
            HelpName = "MODEL",
            Description = "The float model that it was made of; without it the variant's own native run is what others are compared with.",
        };
        var processors = new Option<string?>("--processor")
        {
            HelpName = "NAMES",
            Description = "Processors, separated by commas, nehalem among them [default: haswell,cortex-a53,cortex-a72,cortex-a76].",
        };
        var profile = new Option<string?>("--profile")
        {
            HelpName = "NAME",
            Description = "Profile whose session settings are used, with what the file needs [default: those of the report that "
                + "'quantize' left beside the variant, or what the file says that it needs].",
        };
        var entries = new Option<string[]>("--session-entry")
        {
            HelpName = "KEY=VALUE",
            Description = "A session setting that wins over all others, such as session.x64quantprecision=1. May be repeated.",
        };
        var state = ModelOptions.State("State that the model carries from sample to sample.");
        var shape = ModelOptions.Shape("Shape of made-up samples of an input.");
        var preprocessing = PreprocessingOption.Create("without any, those of the report that 'quantize' left beside the variant.");
        var samples = new Option<int?>("--samples")
        {
            HelpName = "N",
            Description = "Samples that are run at most: emulation takes some hundred times as long [default: 100].",
        };
        samples.Validators.Add(result =>
        {
            if (Verb.Parsed<int?>(result) is < 1 and var given) result.AddError($"--samples {given} must be at least 1.");
        });
        entries.Validators.Add(result =>
        {
            foreach (var entry in (result.GetValueOrDefault<string[]>() ?? [])
                .Where(entry => entry.IndexOf('=', StringComparison.Ordinal) < 1))
                result.AddError($"--session-entry '{entry}' is not written as KEY=VALUE.");
        });
        var command = new TaughtCommand("prove", """
            Runs a variant as other processors would, and puts accuracy or signal to noise of each next to the native one.

            The agent itself runs it, under qemu: x86 without VNNI, whose 8-bit products
            saturate, and Arm with and without the dot product. Ends with 1 when a
            processor loses more than 0.3 points or 0.5 dB. 'deploy/emulation.sh' installs
            what is needed.

            Examples:
              fleet models prove variants/x64-int8.onnx --reference model.onnx \
                --validation held-out.npz
              fleet models prove variants/x64-int8.onnx --validation held-out.npz \
                --processor haswell \
                --session-entry session.x64quantprecision=1
              fleet models prove variants/arm-cpu-int8.onnx --validation test/ \
                --samples 500 --json
            """) {
                variant, validation, labels, task, reference, processors, profile, entries, state, shape, preprocessing, samples,
                Verb.Json(),
            };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = new ProofRequest
            {
                Variant = new SourceSpec
                {
                    Onnx = Path.GetFullPath(parsed.GetRequiredValue(variant)),
                    Validation = ModelOptions.FullPath(parsed.GetRequiredValue(validation))!,
                    ValidationLabels = ModelOptions.FullPath(parsed.GetValue(labels)),
                    Task = parsed.GetValue(task),
                    State = parsed.GetValue(state) is { Length: > 0 } pairs ? pairs : null,
                    Shapes = parsed.GetValue(shape) is { Length: > 0 } shapes ? shapes : null,
                    Preprocessing = parsed.GetValue(preprocessing),
                },
                Reference = ModelOptions.FullPath(parsed.GetValue(reference)),
                Processors = parsed.GetValue(processors)?
                    .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
                Runtime = parsed.GetValue(profile) is { } named ? ProfileArguments.Of(named)[0].Runtime : null,
                SessionEntries = (parsed.GetValue(entries) ?? []).Select(entry => entry.Split('=', 2))
                    .GroupBy(entry => entry[0]).ToDictionary(alike => alike.Key, alike => alike.Last()[1]),
            };
            if (parsed.GetValue(samples) is { } most) request.Samples = most;
            var report = await RunAsync(shell, request, cancellationToken);
            if (Verb.AsksJson(parsed)) shell.WriteJson(report, FleetJson.Default.ProofReport);
            else VariantTables.Write(shell, report);
            return report.Holds ? ExitCode.Success : ExitCode.Failure;
        });
        return command;
    }

    private static async Task<ProofReport> RunAsync(Shell shell, ProofRequest request, CancellationToken cancellationToken)
    {
        var name = Path.GetFileName(request.Variant.Onnx);
        var file = Path.GetTempFileName();
        try
        {
            var (code, complaints) = await new ModelProgram(shell, name)
                .RunAsync($"Prove {name}", "prove", request, FleetJson.Default.ProofRequest, [file], cancellationToken);
            var json = await File.ReadAllBytesAsync(file, cancellationToken);
            // It ends with 1 for a variant that fails as for one that could not be tried; only the first leaves figures.
            return json.Length > 0
                ? JsonSerializer.Deserialize(json, FleetJson.Default.ProofReport)!
                : throw new FleetException(complaints);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
