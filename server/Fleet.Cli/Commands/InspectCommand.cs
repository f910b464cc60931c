using System.CommandLine;
using System.Text;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Processes;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet models inspect</c>: what each layer of a variant costs, beside its float model.</summary>
internal static class InspectCommand
{
    /// <summary>What stands in the title of a page, and in its first bytes.</summary>
    private const string PageTitle = ": layer by layer</title>";

    private const int TitleWithin = 4_096;

    public static Command Create(Shell shell)
    {
        var variant = new Argument<string>("VARIANT") { Description = "ONNX file of the variant." };
        var reference = new Option<string>("--reference")
        {
            HelpName = "MODEL",
            Description = "The float model that it was made of.",
            Required = true,
        };
        var validation = new Option<string>("--validation")
        {
            HelpName = "DATA",
            Description = "Samples that both run on, as 'fleet models quantize' takes them.",
            Required = true,
        };
        var state = ModelOptions.State("State that the model carries from sample to sample.");
        var shape = ModelOptions.Shape("Shape of made-up samples of an input.");
        var preprocessing = PreprocessingOption.Create("without any, those of the report that 'quantize' left beside the variant.");
        var samples = new Option<int?>("--samples")
        {
            HelpName = "N",
            Description = "Samples that are run at most, from all over DATA [default: 32].",
        };
        samples.Validators.Add(result =>
        {
            if (Verb.Parsed<int?>(result) is < 1 and var given) result.AddError($"--samples {given} must be at least 1.");
        });
        var output = new Option<string?>("--output")
        {
            HelpName = "FILE",
            Description = "Where a page with a chart goes (HTML).",
        };
        var command = new TaughtCommand("inspect", """
            Lists the layers of a variant with the error of each, alone and together with all before it, and what causes it.

            ALONE is the signal to noise of a layer's output when it alone is rounded, HERE
            what has gathered there in the variant, in decibels. CUT OFF is the share of
            values outside the range that its integers stand for. OUTLIERS are channels
            whose largest magnitude is more than 6 times that of the median channel.

            Examples:
              fleet models inspect variants/x64-int8.onnx --reference model.onnx \
                --validation held-out.npz
              fleet models inspect variants/x64-int8.onnx --reference model.onnx \
                --validation pictures/ --output layers.html
              fleet models inspect variants/x64-int8.onnx --reference model.onnx \
                --validation held-out.npz --samples 100 --json
            """) { variant, reference, validation, state, shape, preprocessing, samples, output, Verb.Json() };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = new InspectionRequest
            {
                Variant = new SourceSpec
                {
                    Onnx = Path.GetFullPath(parsed.GetRequiredValue(variant)),
                    Validation = ModelOptions.FullPath(parsed.GetRequiredValue(validation))!,
                    State = parsed.GetValue(state) is { Length: > 0 } pairs ? pairs : null,
                    Shapes = parsed.GetValue(shape) is { Length: > 0 } shapes ? shapes : null,
                    Preprocessing = parsed.GetValue(preprocessing),
                },
                Reference = Path.GetFullPath(parsed.GetRequiredValue(reference)),
            };
            if (parsed.GetValue(samples) is { } most) request.Samples = most;
            var page = parsed.GetValue(output) is { } file ? PageAt(Path.GetFullPath(file)) : null;
            var report = await RunAsync(shell, request, page, cancellationToken);
            if (Verb.AsksJson(parsed)) shell.WriteJson(report, FleetJson.Default.InspectionReport);
            else LayerTable.Write(shell, report, page);
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>A place for the page: a new file, or that of an earlier page.</summary>
    /// <exception cref="FleetException">Something else is there, or no file can be.</exception>
    private static string PageAt(string file)
    {
        if (Directory.Exists(file)) throw new FleetException($"--output {file} is a folder; name a file in it.");
        if (!Directory.Exists(Path.GetDirectoryName(file)))
            throw new FleetException($"--output {file}: there is no folder {Path.GetDirectoryName(file)}.");
        if (File.Exists(file) && !IsPage(file))
            throw new FleetException($"--output {file} exists and is no page of 'inspect', and would be lost: name another file.");
        return file;
    }

    private static bool IsPage(string file)
    {
        using var opened = File.OpenRead(file);
        var begin = new byte[TitleWithin];
        var read = opened.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false);
        return read == 0 || Encoding.UTF8.GetString(begin, 0, read).Contains(PageTitle, StringComparison.Ordinal);
    }

    private static async Task<InspectionReport> RunAsync(
        Shell shell, InspectionRequest request, string? page, CancellationToken cancellationToken)
    {
        var name = Path.GetFileName(request.Variant.Onnx);
        var file = Path.GetTempFileName();
        try
        {
            string[] results = page is null ? [file] : [file, page];
            var (code, complaints) = await new ModelProgram(shell, name)
                .RunAsync($"Inspect {name}", "inspect", request, FleetJson.Default.InspectionRequest, results, cancellationToken);
            return code == 0
                ? JsonSerializer.Deserialize(await File.ReadAllBytesAsync(file, cancellationToken), FleetJson.Default.InspectionReport)!
                : throw new FleetException(complaints);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
