using System.Security.Cryptography;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Variants;

/// <summary>Quantizes a model of a person's own: reads its samples, makes and judges the variants, and reports.</summary>
/// <param name="time">Clock of the report.</param>
/// <param name="machine">The machine whose latencies are claims; this one when left out.</param>
internal sealed class ModelQuantizer(TimeProvider time, DeviceFacts? machine = null)
{
    /// <summary>Seeds of made-up samples: those that judge are not those that fixed the ranges.</summary>
    public const int CalibrationSeed = 1, ValidationSeed = 2;

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
        SyntheticShapes? shapes;
        using (var session = OnnxRuntimeSession.Open(source.Onnx))
        {
            state = ModelState.Of(session, inputs = ModelInput.WithTables(ModelInput.Of(session), model), source.State ?? []);
            shapes = SyntheticShapes.For(source, session, inputs, state);
        }
        SampleSource Described(string from, int count) => new(from, count) { Shapes = from == SampleSource.Synthetic ? shapes?.Texts(state) : null };

        var calibration = source.Calibration is { } data ? Limited(ModelSamples.Read(data, inputs, state, CalibrationSeed, shapes: shapes).Feeds, spec.CalibrationSamples) : null;
        var validation = ModelSamples.Read(source.Validation, inputs, state, ValidationSeed, source.ValidationLabels, shapes, source.Task);
        var made = new VariantMaker(machine).Make(source.Onnx, calibration, new HeldOut(validation.Feeds, validation.Labels), settings, outputFolder, progress, cancellationToken);
        return new QuantizationReport
        {
            Model = Path.GetFileName(source.Onnx),
            Sha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(source.Onnx))),
            Bytes = new FileInfo(source.Onnx).Length,
            Parameters = model.Graph.Initializer.Where(tensor => tensor.Is(DataType.Float) || tensor.Is(DataType.Float16)).Sum(tensor => tensor.Elements()),
            StartedAt = startedAt,
            Duration = time.GetElapsedTime(start),
            MeasuredOn = ThisMachine.Description,
            Calibration = calibration is null ? null : Described(source.Calibration!, calibration.Count),
            Validation = Described(source.Validation, validation.Feeds.Count),
            Labelled = validation.Labels is not null,
            Spec = spec,
            Original = made.Original,
            Variants = made.Variants,
        };
    }

    private static IFeedSource Limited(IFeedSource samples, int most) => samples.Count > most ? new FirstFeeds(samples, most) : samples;
}
