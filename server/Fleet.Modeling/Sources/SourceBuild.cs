using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Platform;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Modeling.Sources;

/// <summary>
/// A build of a model of one's own: the quantization half, ending in a report that a release can be made of. Devices judge a
/// variant by labels in the form of its task; without labels by how close it stays to the float model's outputs.
/// </summary>
internal static class SourceBuild
{
    /// <summary>Runs it.</summary>
    /// <exception cref="BuildException">The model or its samples cannot be used; the message is for the operator.</exception>
    public static BuildReport Run(
        BuildSpec spec, IReadOnlyList<MeasuredForm> measured, string folder, TimeProvider time, IProgress<BuildProgress> progress,
        CancellationToken cancellationToken)
    {
        try
        {
            return Quantize(spec, spec.Source!, measured, folder, time, progress, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException)
        {
            throw new BuildException(e.Message, e);
        }
    }

    private static BuildReport Quantize(
        BuildSpec spec, SourceSpec source, IReadOnlyList<MeasuredForm> measured, string folder, TimeProvider time,
        IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        // A worker lives on after a model that asks for more was refused.
        using var memory = ProcessLimits.AllowMemoryMeanwhile(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2);
        progress.Report(new BuildProgress("Reading the model and its samples", 0));
        if (!File.Exists(source.Onnx)) throw new InvalidDataException($"{source.Onnx} does not exist.");
        var model = PreparedModel.Read(source.Onnx);
        using var session = OnnxRuntimeSession.Open(source.Onnx);
        var inputs = ModelInput.WithTables(ModelInput.Of(session), model);
        var state = ModelState.Of(session, inputs, source.State ?? []);
        var validation = ModelSamples.Read(source.Validation, inputs, state, Quantizer.ValidationSeed, source.ValidationLabels,
            SyntheticShapes.For(source, session, inputs, state), source.Task, source);
        var samples = validation.Feeds;
        var classes = ClassesOf(session);
        var task = source.Task
            ?? (classes is null && !validation.Truth.IsLabelled ? ModelTask.Outputs : ModelTask.Classification);
        if (task == ModelTask.Classification && validation.Truth.Classes is { } labels && classes is { } count
            && Array.FindIndex(labels, label => label < 0 || label >= count) is >= 0 and var bad)
            throw new InvalidDataException(
                $"The label {labels[bad]} of sample {bad} (counted from 0) is not one of the {count} classes of output "
                    + $"'{session.OutputNames[0]}'.");
        // Before hours of work: what no device could be given cannot be released.
        var travelling = ReleaseSamples.Gather(
            session, samples, validation.Labels, spec, task, state, cancellationToken);

        var quantized = new Quantizer(time).Run(
            new QuantizationRequest
            {
                Source = source with { Task = task },
                Quantization = spec.Quantization,
                Budget = spec.Gate.Budget,
                Travelling = travelling.Numbers,
                Measured = measured.Count > 0 ? measured : null,
            },
            Path.Combine(folder, "variants"), new PartOf(progress, 0.02, 0.97), cancellationToken);

        progress.Report(new BuildProgress("Writing the validation set", 0.98));
        var file = Path.Combine(folder, "validation.npz");
        travelling.Write(file);
        return new BuildReport
        {
            Spec = spec,
            Task = task,
            Measure = quantized.Measure,
            Detection = task == ModelTask.Detection ? source.Detection ?? new DetectionForm() : null,
            StartedAt = quantized.StartedAt,
            Duration = quantized.Duration,
            MeasuredOn = quantized.MeasuredOn,
            DataSha256 = Digest(source, cancellationToken),
            Samples = new SampleCounts(quantized.Calibration?.Count ?? 0, 0, samples.Count),
            Calibration = quantized.Calibration,
            Validation = quantized.Validation,
            Classes = source.Classes
                ?? (task != ModelTask.Classification
                    ? []
                    : [.. Enumerable.Range(0, classes ?? 0).Select(number => number.ToString(CultureInfo.InvariantCulture))]),
            Student = new NetworkReport
            {
                Description = quantized.Model,
                Parameters = quantized.Parameters,
                Bytes = quantized.Bytes,
                Scores = quantized.Original,
            },
            Inputs = [
                .. inputs.Select(input =>
                    new TensorDescription(input.Name, Datatype(input.Type), [.. input.Extents.Select(extent => (long)extent)])),
            ],
            Outputs = [
                .. session.OutputMetadata.Where(output => output.Value.IsTensor)
                    .Select(output => new TensorDescription(
                        output.Key, Datatype(output.Value.ElementDataType), [.. output.Value.Dimensions.Select(extent => (long)extent)])),
            ],
            ValidationSet = Artifacts.Reference(file),
            Variants = quantized.Variants,
        };
    }

    /// <summary>Classes of the first output, when it is one row of float scores for each sample; otherwise null.</summary>
    private static int? ClassesOf(InferenceSession session)
        => session.OutputMetadata[session.OutputNames[0]] is
        {
            IsTensor: true, ElementDataType: TensorElementType.Float, Dimensions: [-1 or 1, > 1 and var classes]
        } ? classes : null;

    private static string Digest(SourceSpec source, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var data in new[] { source.Calibration, source.Validation, source.ValidationLabels }.OfType<string>())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (File.Exists(data)) hash.AppendData(SHA256.HashData(File.ReadAllBytes(data)));
            else if (Directory.Exists(data))
                foreach (var file in Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                    hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
            else hash.AppendData(Encoding.UTF8.GetBytes(data));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Datatype(TensorElementType type) => type switch
    {
        TensorElementType.Float => "FP32",
        TensorElementType.Float16 => "FP16",
        TensorElementType.BFloat16 => "BF16",
        TensorElementType.Double => "FP64",
        TensorElementType.Bool => "BOOL",
        TensorElementType.String => "BYTES",
        _ => type.ToString().ToUpperInvariant(),
    };
}
