using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Processes;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;

namespace Fleet.Cli.Commands;

/// <summary><c>fleet models quantize</c>: small variants of a person's own model, without a server.</summary>
internal static class QuantizeCommand
{
    /// <summary>Share of this machine's (or container's) memory that the work may take when nothing is said.</summary>
    private const double DefaultShare = 0.75;

    /// <summary>What is asked for when nothing is said: defaults stand in the record alone.</summary>
    private static readonly QuantizationSpec Defaults = new();

    /// <summary>What stands beside the variants.</summary>
    private static readonly string[] Reports = ["report.json", "report.html", "recipe.json"];

    public static Command Create(Shell shell)
    {
        var model = new Argument<string>("MODEL") { Description = "ONNX model, of opset 9 or newer." };
        var calibration = new Option<string?>("--calibration")
        {
            HelpName = "DATA",
            Description = "Samples that fix the ranges of activations; without them only schemes that need none are tried.",
        };
        var validation = new Option<string?>("--validation")
        {
            HelpName = "DATA",
            Description = "Samples that judge: half of them choose, the others report. Without them half of those that calibrate do, or "
                + "made-up ones.",
        };
        var labels = new Option<string?>("--labels")
        {
            HelpName = "FILE",
            Description = "npy of class numbers for the samples that judge, where they are not in DATA.",
        };
        var profiles = new Option<string>("--profile")
        {
            HelpName = "NAMES",
            Description = "Hardware profiles, separated by commas: built-in ones, or files of your own.",
            DefaultValueFactory = _ => string.Join(',', Defaults.Profiles),
        };
        var schemes = new Option<string>("--scheme")
        {
            HelpName = "NAMES",
            Description = $"Schemes, separated by commas, or auto: all that suit each profile. There are "
                + $"{string.Join(", ", BuildSpecRules.Schemes)}.",
            DefaultValueFactory = _ => QuantizationSpec.Auto,
        };
        var goal = new Option<string>("--goal")
        {
            HelpName = "NAME",
            Description = $"What is chosen by: {string.Join(", ", BuildSpecRules.Goals)}.",
            DefaultValueFactory = _ => BuildSpecRules.Goals[0],
        };
        var calibrator = new Option<string>("--calibrator")
        {
            HelpName = "NAME",
            Description = $"How ranges are taken: {string.Join(", ", BuildSpecRules.Calibrators)}.",
            DefaultValueFactory = _ => Defaults.Calibrator,
        };
        var smallest = new Option<double>("--minimum-snr")
        {
            HelpName = "DB",
            Description = "Signal to noise against the float model below which a variant is rejected, where there are no labels.",
            DefaultValueFactory = _ => QuantizationSpec.DefaultSignalToNoise,
        };
        var averageBits = new Option<double?>("--average-bits")
        {
            HelpName = "BITS",
            Description = "Tries mixed-weights too: 2 to 8 bits by layer, so many on average, scales included; 4 where it is named.",
        };
        var bits = ModelOptions.Bits("Bits of one layer's weights in mixed-weights, which is tried then too: 2, 3, 4 or 8 for a layer or "
            + "an operator named as for --keep. Accuracy does not change them.");
        var drop = new Option<double>("--maximum-drop")
        {
            HelpName = "SHARE",
            Description = "Largest loss, where there are labels, on the samples that report: points of accuracy or mAP (0.01 is one "
                + "point), a share of an error such as RMSE. A variant that loses more is rejected.",
            DefaultValueFactory = _ => Defaults.MaximumDrop,
        };
        var keep = LayersOption("--keep",
            "Layer that stays float: its name, or an operator such as Conv for all of that kind; * stands for any letters. Its weights "
                + "stay as they are, save with int8-weights, which stores them in 16 bits. May be repeated.");
        var only = LayersOption("--only",
            "Layer that alone is quantized, named as for --keep; all others stay float as those do. May be repeated.");
        var effort = new Option<string>("--effort")
        {
            HelpName = "NAME",
            Description = $"How much is tried, and how exactly it is timed: {string.Join(", ", BuildSpecRules.Efforts)}.",
            DefaultValueFactory = _ => "balanced",
        };
        var opset = new Option<int?>("--opset")
        {
            HelpName = "N",
            Description = $"Operator set of the files, {BuildSpecRules.OldestOpset} to {BuildSpecRules.NewestOpset} [default: that of the "
                + "model].",
        };
        opset.Validators.Add(result =>
        {
            if (Verb.Parsed<int?>(result) is (< BuildSpecRules.OldestOpset or > BuildSpecRules.NewestOpset) and var given)
                result.AddError($"--opset {given} must be within {BuildSpecRules.OldestOpset}..{BuildSpecRules.NewestOpset}.");
        });
        var batch = new Option<int?>("--batch")
        {
            HelpName = "N",
            Description = $"Judges and times variants on batches of N samples, up to {QuantizationSpec.MostInBatch}, beside one by one, "
                + "and chooses by the speed there [default: 1].",
        };
        batch.Validators.Add(result =>
        {
            if (Verb.Parsed<int?>(result) is (< 1 or > QuantizationSpec.MostInBatch) and var given)
                result.AddError($"--batch {given} must be within 1..{QuantizationSpec.MostInBatch}.");
        });
        var format = new Option<string>("--format")
        {
            HelpName = "NAME",
            Description = "ort writes the variant to take for this machine in ONNX Runtime's own format as well: it loads faster, and "
                + "builds of the runtime without ONNX read it.",
            DefaultValueFactory = _ => BuildSpecRules.Formats[0],
        };
        var limit = Verb.Duration("--time-limit",
            "Time after which nothing further is tried, such as 10m: a search takes the best so far, a variant that has not begun is not "
                + "made.");
        limit.Validators.Add(result =>
        {
            if (Verb.Parsed<TimeSpan?>(result) is { } given && given <= TimeSpan.Zero)
                result.AddError($"--time-limit {DurationText.Of(given)} must be above zero.");
        });
        var recipe = new Option<string?>("--recipe")
        {
            HelpName = "FILE",
            Description = "recipe.json of an earlier run of the same model with the same samples: makes its variants again, byte by byte, "
                + "and decides nothing anew. Ends with 1 where a file differs or is not made.",
        };
        var task = ModelOptions.Task("What the model does, which says what labels look like and which metric decides: "
            + $"{EnumWord.List<ModelTask>()}. Without it labels are classes.");
        var unit = new Option<string?>("--label-unit")
        {
            HelpName = "UNIT",
            Description = "Unit of predicted numbers for people, such as cycles.",
        };
        var state = ModelOptions.State("State that the model carries from sample to sample; usual names are found without it.");
        var shape = ModelOptions.Shape(
            "Shape of made-up samples of an input; without it free axes get the smallest of some usual extents that the model runs with.");
        var preprocessing = PreprocessingOption.Create("what is left out follows from the model's input.");
        var memory = new Option<double?>("--memory")
        {
            HelpName = "GB",
            Description = "Memory that the work may take; the default is three quarters of what this machine has.",
        };
        memory.Validators.Add(result =>
        {
            if (Verb.Parsed<double?>(result) is { } most && !(most > 0)) result.AddError($"--memory {most} must be above zero.");
        });
        var requantize = new Option<bool>("--requantize")
        {
            Description = "Takes a model that is quantized already: it is made float first. Without this it is left alone.",
        };
        var output = new Option<string>("--out")
        {
            HelpName = "FOLDER",
            Description = "Where variants, report.json and report.html go.",
            Required = true,
        };
        foreach (var (option, known) in (ReadOnlySpan<(Option<string>, IReadOnlyList<string>)>)[
            (schemes, [QuantizationSpec.Auto, .. BuildSpecRules.Schemes]), (goal, BuildSpecRules.Goals),
            (calibrator, BuildSpecRules.Calibrators), (effort, BuildSpecRules.Efforts),
            (format, BuildSpecRules.Formats),
        ])
        {
            option.Validators.Add(result =>
            {
                var given = result.GetValueOrDefault<string>() ?? "";
                foreach (var name in (option == schemes ? Names(given) : [given]).Where(name => !known.Contains(name)))
                    result.AddError($"{option.Name} '{name}' is not known; it is one of {string.Join(", ", known)}.");
            });
        }

        foreach (var (option, least, most) in (ReadOnlySpan<(Option, double, double)>)[
            (drop, 0, 1), (smallest, 0, BuildSpecRules.MostSignalToNoise),
            (averageBits, QuantizationSpec.FewestAverageBits, QuantizationSpec.MostAverageBits),
        ])
        {
            option.Validators.Add(result =>
            {
                if (Verb.Parsed<double?>(result) is { } value && !(value >= least && value <= most))
                    result.AddError(FormattableString.Invariant($"{option.Name} {value} must be within {least}..{most}."));
            });
        }

        var command = new TaughtCommand("quantize", """
            Makes small variants of your own ONNX model for each hardware profile, judges them against it, and marks the one to take.

            DATA is an npz (arrays by input name) or npy whose first axis counts samples, a
            folder of such files or of pictures (PNG, JPEG, PGM, PPM) or sound (WAV), or the
            word synthetic for made-up inputs, good for a first look. An array 'labels' in
            the npz, or a folder in the folder for each class, makes the metric of the task
            the measure: accuracy of classes, RMSE of numbers, mAP of boxes. Without labels
            it is closeness to the float model. The number of a class is the name of its
            folder where all are numbers, else its place in the order of names.

            Pictures become the size and the layout that the input has; values lie between
            0 and 1 unless --preprocess says otherwise, and the report says what was done.
            Sound is cut into windows of the input's length.

            Examples:
              fleet models quantize model.onnx --calibration train.npz \
                --validation held-out.npz --out variants
              fleet models quantize detector.onnx --calibration pictures/ \
                --preprocess "range=0,255 mean=127 deviation=128" --out variants
              fleet models quantize model.onnx --calibration synthetic \
                --profile x64,x64-avx2 --out first-look
              fleet models quantize model.onnx --validation test/ --profile board.yaml \
                --scheme int8-dynamic,int4-weights --out variants --json
              fleet models quantize model.onnx --calibration train.npz \
                --keep Conv_0 --keep 'head/*' --minimum-snr 30 --out variants
            """)
            {
                model, calibration, validation, labels, profiles, schemes, goal, calibrator, smallest, drop, averageBits, bits, keep,
                only, effort, limit, batch, opset, format, recipe, task, unit, state, shape, preprocessing, memory, requantize, output,
                Verb.Json(),
            };
        // What a recipe does not decide, nor another run.
        Option[] own = [calibration, validation, labels, task, unit, state, shape, preprocessing, memory, requantize];
        Option[] decided = [
            profiles, schemes, goal, calibrator, smallest, drop, averageBits, bits, keep, only, effort, limit, batch, opset, format,
        ];
        command.Validators.Add(result =>
        {
            if (result.GetResult(recipe) is not { Implicit: false }) return;
            foreach (var option in decided.Where(option => result.GetResult(option) is { Implicit: false }))
                result.AddError($"{option.Name} is decided by --recipe; leave one of the two out.");
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var targets = ProfileArguments.Of(parsed.GetRequiredValue(profiles));
            HardwareProfile[] custom = [.. targets.Where(profile => BuiltInProfiles.Find(profile.Name) is null)];
            string[] named = Names(parsed.GetRequiredValue(schemes));
            var request = new QuantizationRequest
            {
                Source = new SourceSpec
                {
                    Onnx = Path.GetFullPath(parsed.GetRequiredValue(model)),
                    Requantize = parsed.GetValue(requantize),
                    Calibration = ModelOptions.FullPath(parsed.GetValue(calibration)),
                    Validation = ModelOptions.FullPath(
                        parsed.GetValue(validation) ?? parsed.GetValue(calibration) ?? SampleSource.Synthetic)!,
                    ValidationLabels = ModelOptions.FullPath(parsed.GetValue(labels)),
                    Task = parsed.GetValue(task),
                    LabelUnit = parsed.GetValue(unit),
                    State = parsed.GetValue(state) is { Length: > 0 } pairs ? pairs : null,
                    Shapes = parsed.GetValue(shape) is { Length: > 0 } shapes ? shapes : null,
                    Preprocessing = parsed.GetValue(preprocessing),
                },
                Quantization = Defaults with
                {
                    Profiles = [.. targets.Select(profile => profile.Name)],
                    CustomProfiles = custom.Length > 0 ? custom : null,
                    Schemes = named is [QuantizationSpec.Auto] ? null : named,
                    Goal = parsed.GetRequiredValue(goal),
                    Calibrator = parsed.GetRequiredValue(calibrator),
                    MinimumSignalToNoise = parsed.GetRequiredValue(smallest),
                    MaximumDrop = parsed.GetRequiredValue(drop),
                    Keep = parsed.GetValue(keep) is { Length: > 0 } kept ? kept : null,
                    Only = parsed.GetValue(only) is { Length: > 0 } alone ? alone : null,
                    Effort = parsed.GetRequiredValue(effort),
                    TimeLimit = parsed.GetValue(limit),
                    Batch = parsed.GetValue(batch),
                    Opset = parsed.GetValue(opset),
                    Format = parsed.GetRequiredValue(format) is "onnx" ? null : parsed.GetRequiredValue(format),
                    AverageBits = parsed.GetValue(averageBits),
                    Bits = parsed.GetValue(bits) is { Length: > 0 } few ? few : null,
                },
                Recipe = parsed.GetValue(recipe) is { } earlier ? RecipeFile.Read(earlier) : null,
            };
            if (request.Recipe is null && BuildSpecRules.ProblemsOf(request.Quantization) is { Count: > 0 } problems)
                throw new FleetException(problems) { Code = ExitCode.Usage };
            var folder = Path.GetFullPath(parsed.GetRequiredValue(output));
            var made = request.Recipe?.Spec.Profiles ?? request.Quantization.Profiles;
            ResultFolder.Spare(folder, name => Reports.Contains(name)
                    || made.Any(profile => name.StartsWith(profile + '-', StringComparison.Ordinal)),
                request.Source.Onnx, request.Source.Calibration, request.Source.Validation, request.Source.ValidationLabels);
            var most = (long)(parsed.GetValue(memory) * 1e9 ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * DefaultShare);
            var (report, placed) = await RunAsync(shell, request, folder, most, cancellationToken);
            if (Verb.AsksJson(parsed)) shell.WriteJson(report, FleetJson.Default.QuantizationReport);
            else
                VariantTables.Write(shell, report, new QuantizedFiles(parsed.GetRequiredValue(model), folder)
                {
                    Placed = placed,
                    ForRecipe = GivenOf(parsed, own),
                    ForProof = GivenOf(parsed, [labels, task, state]),
                });
            if (report.NotMadeAgain.Count == 0) return ExitCode.Success;
            shell.WriteError([
                $"The recipe did not make the same files again; {folder} is as it was:", .. report.NotMadeAgain,
            ]);
            return ExitCode.Failure;
        });
        return command;
    }

    private static async Task<(QuantizationReport Report, IReadOnlyList<string> Placed)> RunAsync(
        Shell shell, QuantizationRequest request, string folder, long memory, CancellationToken cancellationToken)
    {
        var name = Path.GetFileName(request.Source.Onnx);
        using var results = ResultFolder.At(folder);
        var (code, complaints) = await new ModelProgram(shell, name) { Memory = memory }.RunAsync(
            $"Quantize {name}", "quantize", request, FleetJson.Default.QuantizationRequest,
            [results.Partial, memory.ToString(CultureInfo.InvariantCulture)], cancellationToken);
        if (code != 0) throw new FleetException(complaints);
        var report = JsonSerializer.Deserialize(await File.ReadAllBytesAsync(Path.Combine(results.Partial, "report.json"),
            cancellationToken), FleetJson.Default.QuantizationReport)!;
        // What another run left, its recipe among it, is not given for what was meant to be the same and is not.
        return (report, report.NotMadeAgain.Count == 0 ? results.Place() : []);
    }

    /// <summary>Of some options those that were given, as they were.</summary>
    private static IReadOnlyList<string> GivenOf(ParseResult parsed, IReadOnlyList<Option> some)
        => [
            .. parsed.CommandResult.Children.OfType<OptionResult>().Where(given => !given.Implicit && some.Contains(given.Option))
                .SelectMany(given => given.Tokens.Count == 0 ? [given.Option.Name]
                    : given.Tokens.SelectMany(token => (string[])[given.Option.Name, token.Value])),
        ];

    private static Option<string[]> LayersOption(string name, string description)
        => new(name) { HelpName = "LAYER|OPTYPE", Description = description };

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
