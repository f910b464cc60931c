using System.Globalization;
using System.Runtime.CompilerServices;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Requantization;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Variants;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization;

/// <summary>
/// Quantizes a model: reads its samples, makes variants for each hardware profile, judges them against the float model and marks the one to
/// take.
/// </summary>
/// <param name="time">Clock of the report; the system's when left out.</param>
/// <param name="machine">The machine whose latencies are claims; this one when left out.</param>
public sealed class Quantizer(TimeProvider? time = null, DeviceFacts? machine = null)
{
    /// <summary>Seeds of made-up samples: those that judge are not those that fixed the ranges.</summary>
    internal const int CalibrationSeed = 1, ValidationSeed = 2;

    /// <summary>Samples on which a model that was made float is compared with the quantized one.</summary>
    private const int ComparingSamples = 16;

    /// <summary>What rounding to 8 or 4 bits adds stays above this; what answers otherwise falls below it.</summary>
    private const double SmallestRequantizedSignalToNoise = 5;

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <summary>Most bytes of one file of a variant.</summary>
    internal long LargestFile { get; init; } = OnnxFile.MaximumBytes;

    /// <summary>Makes and judges the variants. It works on the calling thread, for seconds to minutes.</summary>
    /// <param name="request">The model, its samples, and what is wanted.</param>
    /// <param name="outputFolder">Where the files of the variants go; made when it is not there.</param>
    /// <param name="progress">Told each step, on the calling thread.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <returns>Every variant that was tried, the rejected ones with the reason.</returns>
    /// <exception cref="InvalidDataException">The model, its samples or a profile cannot be used; the message says why.</exception>
    /// <exception cref="ArgumentException">The request names a scheme, a goal or a calibrator that there is not.</exception>
    public QuantizationReport Run(
        QuantizationRequest request, string outputFolder, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(progress);
        using var deadline = request.Recipe is null ? new Deadline(request.Quantization.TimeLimit, _time) : new Deadline(null, _time);
        var given = request.Source.Onnx;
        if (request.Recipe is { } recipe) request = OfRecipe(request, recipe);
        if (QuantizedForm.Of(PreparedModel.Read(given)) is not { } form)
            return Run(request, given, null, outputFolder, deadline, progress, cancellationToken);
        if (!request.Source.Requantize)
            throw new InvalidDataException(
                $"{Path.GetFileName(given)} is quantized already ({form}) and was left alone: rounded twice it would lose more and win "
                    + "nothing. Give the float model that it was made of or, where there is none, have this one made float first "
                    + "(--requantize, in a build spec source.requantize).");
        Directory.CreateDirectory(outputFolder);
        var path = Path.Combine(outputFolder, "requantized.onnx");
        try
        {
            progress.Report(new BuildProgress("Making the model float", 0));
            FloatFile.Write(given, path, LargestFile);
            return Run(request, path, form, outputFolder, deadline, progress, cancellationToken);
        }
        finally
        {
            OnnxFile.Delete(path);
        }
    }

    /// <summary>The same of a float model: the given one or, where that is of <paramref name="form"/>, what was made of it.</summary>
    private QuantizationReport Run(
        QuantizationRequest request, string path, string? form, string outputFolder, Deadline deadline, IProgress<BuildProgress> progress,
        CancellationToken cancellationToken)
    {
        var (file, source, spec) = (request.Source.Onnx, request.Source with { Onnx = path }, request.Quantization);
        var settings = VariantSettings.Of(request);
        var (startedAt, start) = (_time.GetUtcNow(), _time.GetTimestamp());
        var (parameters, inputs, state, shapes) = InterfaceOf(source);
        SampleSource Described(string from, int count, ModelSamples read) => new(from, count)
        {
            Shapes = from == SampleSource.Synthetic ? shapes?.Given(state) : null,
            Preprocessing = read.Preprocessing,
            Unread = read.Unread,
        };

        var validation = ModelSamples.Read(
            source.Validation, inputs, state, ValidationSeed, source.ValidationLabels, shapes, source.Task, source);
        var calibrating = CalibratingOf(source, validation, state);
        var given = source.Calibration is not { } data ? null : calibrating is not null ? validation
            : ModelSamples.Read(data, inputs, state, CalibrationSeed, shapes: shapes, files: source with { Classes = null });
        ModelSamples.RefuseUnheeded(request.Recipe is null ? source.Preprocessing : null,
            [validation, .. given is null ? Array.Empty<ModelSamples>() : [given]]);
        var calibration = given is null ? null : Limited(
            calibrating is null ? given.Feeds : new PickedFeeds(validation.Feeds, calibrating), spec.CalibrationSamples);
        var heldOut = new HeldOut(validation.Feeds, validation.Truth)
        {
            Detection = source.Detection,
            LabelUnit = source.LabelUnit,
            Travelling = request.Travelling,
            Calibrating = calibrating,
        };
        var requantized = form is null
            ? null
            : new RequantizedModel(form, OnnxFile.BytesOf(file), ClosenessOf(path, file, validation.Feeds, cancellationToken));
        var wanted = new VariantRequest(source.Onnx, calibration, heldOut, settings, outputFolder)
        {
            LargestFile = LargestFile,
            QuantizedPath = form is null ? null : file,
            Measured = request.Measured ?? [],
            Fixed = request.Recipe is { } recipe ? new FixedChoices(recipe) : null,
            Deadline = deadline,
        };
        var made = new VariantMaker(machine).Make(wanted, progress, cancellationToken);
        var sha256 = Artifacts.Reference(file).Sha256;
        var calibrated = calibration is null ? null : Described(source.Calibration!, calibration.Count, given!);
        return new QuantizationReport
        {
            Model = Path.GetFileName(file),
            Sha256 = sha256,
            Requantized = requantized is null ? null : requantized with
            {
                KeptFor = [.. settings.Profiles.Select(profile => profile.Name)
                    .Except(made.Variants.Where(variant => variant.Chosen).Select(variant => variant.Profile))],
            },
            Bytes = OnnxFile.BytesOf(source.Onnx),
            Parameters = parameters,
            StartedAt = startedAt,
            Duration = _time.GetElapsedTime(start),
            Expected = made.Expected,
            MeasuredOn = ThisMachine.Description,
            Calibration = calibrated,
            Validation = Described(source.Validation, heldOut.Judging.Count, validation),
            Parts = made.Parts with { OfCalibration = calibrating is not null },
            Labelled = validation.Truth.IsLabelled,
            Task = validation.Truth.Task,
            Measure = made.Measure,
            Spec = spec,
            Original = made.Original,
            OriginalIntervals = made.Intervals,
            Doubt = DoubtOf(source, heldOut, made.Original),
            Variants = made.Variants,
            NotMadeAgain = wanted.Fixed?.NotMadeAgain(made.Variants) ?? [],
            Recipe = new QuantizationRecipe
            {
                Version = QuantizationRecipe.CurrentVersion,
                Model = Path.GetFileName(file),
                Sha256 = sha256,
                Data = Artifacts.WeightsOf(file),
                OnnxRuntime = ThisMachine.OnnxRuntime,
                MadeOn = ThisMachine.Description,
                Calibration = calibrated,
                Preprocessing = (given ?? validation).Preprocessing is { } used
                    ? used with { SampleRate = source.Preprocessing?.SampleRate } : null,
                Spec = spec,
                Variants = made.Recipes,
            },
        };
    }

    /// <summary>
    /// What a model has and takes. A method of its own, whose model is let go when it ends: one of some GiB is not kept meanwhile.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (long Parameters, IReadOnlyList<ModelInput> Inputs, ModelState State, SyntheticShapes? Shapes) InterfaceOf(
        SourceSpec source)
    {
        var model = PreparedModel.Read(source.Onnx);
        var parameters = model.Graph.Initializer.Where(tensor => tensor.Is(DataType.Float) || tensor.Is(DataType.Float16))
            .Sum(tensor => tensor.Elements());
        using var session = Opened(source.Onnx);
        var inputs = ModelInput.WithTables(ModelInput.Of(session), model);
        var state = ModelState.Of(session, inputs, source.State ?? []);
        return (parameters, inputs, state, SyntheticShapes.For(source, session, inputs, state));
    }

    private static InferenceSession Opened(string path)
    {
        try
        {
            return OnnxRuntimeSession.Open(path);
        }
        catch (InvalidDataException e) when (e.InnerException is OnnxRuntimeException refused && !RuntimeRefusal.IsMemory(refused))
        {
            throw new InvalidDataException(
                $"{e.Message.TrimEnd('.')}; make sure that the model loads in ONNX Runtime, and export it again.", e);
        }
    }

    /// <summary>What a recipe asks for, of the model that it was written for.</summary>
    private static QuantizationRequest OfRecipe(QuantizationRequest request, QuantizationRecipe recipe)
    {
        FixedChoices.Check(recipe, request.Source.Onnx);
        return request with
        {
            Quantization = recipe.Spec,
            Source = request.Source with { Preprocessing = request.Source.Preprocessing ?? recipe.Preprocessing },
        };
    }

    /// <summary>Decibels to which the model that was made float answers as the quantized one.</summary>
    /// <exception cref="InvalidDataException">It answers something else.</exception>
    private static double ClosenessOf(string path, string quantized, IFeedSource samples, CancellationToken cancellationToken)
    {
        var few = new FirstFeeds(samples, ComparingSamples);
        using var made = OnnxRuntimeSession.Open(path);
        using var given = OnnxRuntimeSession.Open(quantized);
        var decibels = AllOutputs.Of(made, few, cancellationToken).Against(AllOutputs.Of(given, few, cancellationToken)).SignalToNoise;
        return decibels >= SmallestRequantizedSignalToNoise
            ? decibels
            : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"{Path.GetFileName(quantized)} answers something else once it is made float ({decibels:0.0} dB of signal to noise); give ")
                + "the float model that it was made of.");
    }

    /// <summary>
    /// Of samples that are to calibrate and to judge, those that calibrate; null where others judge. Made-up ones are drawn twice.
    /// </summary>
    private static IReadOnlyList<int>? CalibratingOf(SourceSpec source, ModelSamples samples, ModelState state)
        => source.Calibration == source.Validation && source.Validation != SampleSource.Synthetic && samples.Feeds.Count > 1
            ? SampleSplit.Of([.. Enumerable.Range(0, samples.Feeds.Count)],
                samples.Truth.Task == ModelTask.Classification ? samples.Truth.Classes : null, samples.Feeds.Sources,
                sequence: state.Links.Count > 0 && !state.Restarts).Selection
            : null;

    /// <summary>What speaks against the samples or their labels; null where nothing does.</summary>
    private static string? DoubtOf(SourceSpec source, HeldOut heldOut, Scores original)
    {
        if (heldOut.Samples.Count == 1 && source.Calibration == source.Validation)
            return "One sample fixed the ranges, chose and reports: a variant is fitted to it, and what is told of it says nothing of "
                + "other samples. Give some dozens.";
        return heldOut.Truth is { Task: ModelTask.Classification, Classes: { } classes } && original.Accuracy is { } accuracy
            ? LabelChecks.DoubtOf([.. heldOut.Judging.Select(sample => classes[sample])], accuracy)
            : null;
    }

    private static IFeedSource Limited(IFeedSource samples, int most) => samples.Count > most ? new FirstFeeds(samples, most) : samples;
}
