using System.Security.Cryptography;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using DataType = Fleet.Modeling.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Modeling.Quantization;

/// <summary>Quantizes a model of a person's own: reads its samples, makes and judges the variants, and reports.</summary>
/// <param name="time">Clock of the report.</param>
/// <param name="machine">The machine whose latencies are claims; this one when left out.</param>
internal sealed class ModelQuantizer(TimeProvider time, DeviceFacts? machine = null)
{
    /// <summary>Samples made up when there are none.</summary>
    private const int SyntheticSamples = 32;

    /// <summary>Runs it.</summary>
    /// <param name="source">The model and its samples.</param>
    /// <param name="spec">Schemes, limits, goal, and the names of the profiles.</param>
    /// <param name="profiles">The profiles.</param>
    /// <param name="gate">Limits of a build; null for none.</param>
    /// <param name="outputFolder">Where the files go.</param>
    /// <param name="progress">Told each step.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">The model or its samples cannot be used; the message says why.</exception>
    /// <exception cref="ArgumentException">The spec names an unknown scheme, goal or calibrator.</exception>
    public QuantizationReport Run(
        SourceSpec source, QuantizationSpec spec, IReadOnlyList<HardwareProfile> profiles, GateSpec? gate, string outputFolder,
        IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        var settings = VariantSettings.Of(spec, profiles, gate);
        var (startedAt, start) = (time.GetUtcNow(), time.GetTimestamp());
        var model = PreparedModel.Read(source.Onnx);
        IReadOnlyList<ModelInput> inputs;
        ModelState state;
        using (var session = OnnxRuntimeSession.Open(source.Onnx)) state = ModelState.Of(session, inputs = ModelInput.WithTables(ModelInput.Of(session), model), source.State ?? []);

        var calibration = source.Calibration is { } data ? Limited(Samples(data, inputs, state, seed: 1), spec.CalibrationSamples) : null;
        var validation = Samples(source.Validation, inputs, state, seed: 2);
        var labels = LabelsOf(source, validation.Count);
        var made = new VariantMaker(machine).Make(source.Onnx, calibration, new HeldOut(validation, labels), settings, outputFolder, progress, cancellationToken);
        return new QuantizationReport
        {
            Model = Path.GetFileName(source.Onnx),
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(source.Onnx))),
            Bytes = new FileInfo(source.Onnx).Length,
            Parameters = model.Graph.Initializer.Where(tensor => tensor.Is(DataType.Float) || tensor.Is(DataType.Float16)).Sum(tensor => tensor.Elements()),
            StartedAt = startedAt,
            Duration = time.GetElapsedTime(start),
            MeasuredOn = ThisMachine.Description,
            Calibration = calibration is null ? null : new SampleSource(source.Calibration!, calibration.Count),
            Validation = new SampleSource(source.Validation, validation.Count),
            Labelled = labels is not null,
            Spec = spec,
            Original = made.Original,
            Variants = made.Variants,
        };
    }

    /// <summary>Samples by the words of a spec: a file, or <c>synthetic</c>.</summary>
    public static IFeedSource Samples(string data, IReadOnlyList<ModelInput> inputs, ModelState state, int seed) => data == SampleSource.Synthetic
        ? new SyntheticFeeds(inputs, SyntheticSamples, seed, state)
        : File.Exists(data) ? ArrayFeeds.Read(data, inputs, state) : throw new InvalidDataException($"{data} does not exist.");

    private static IFeedSource Limited(IFeedSource samples, int most) => samples.Count > most ? new FirstFeeds(samples, most) : samples;

    private static long[]? LabelsOf(SourceSpec source, int samples)
    {
        if (Labels(source) is not { } array) return null;
        return array.Length == samples
            ? array.ToInt64s()
            : throw new InvalidDataException($"{Path.GetFileName(source.ValidationLabels ?? source.Validation)} holds {array.Length} labels for {samples} samples.");
    }

    private static NpyArray? Labels(SourceSpec source)
    {
        try
        {
            if (source.ValidationLabels is { } path) return File.Exists(path) ? NpyArray.Parse(File.ReadAllBytes(path)) : throw new InvalidDataException($"{path} does not exist.");
            if (Path.GetExtension(source.Validation) != ".npz") return null;
            using var file = File.OpenRead(source.Validation);
            return NpzArchive.Read(file, ArrayFeeds.MaximumBytes).GetValueOrDefault("labels");
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{Path.GetFileName(source.ValidationLabels ?? source.Validation)}: {e.Message}", e);
        }
    }
}
