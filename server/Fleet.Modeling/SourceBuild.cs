using System.Globalization;
using System.Numerics.Tensors;
using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Variants;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Modeling;

/// <summary>
/// A build of a model of one's own: the quantization half, ending in a report that a release can be made of. Devices judge a
/// variant by labelled samples; without labels what the float model decides stands for them, and where its output is no row of
/// class scores they check that it loads, runs, and how fast.
/// </summary>
internal static class SourceBuild
{
    /// <summary>Most bytes of samples that travel with a release: devices download and hold them.</summary>
    private const long MaximumValidationBytes = 64L << 20;

    /// <summary>Runs it.</summary>
    /// <exception cref="BuildException">The model or its samples cannot be used; the message is for the operator.</exception>
    public static BuildReport Run(BuildSpec spec, IReadOnlyList<HardwareProfile> profiles, string folder, TimeProvider time, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        try
        {
            return Build(spec, spec.Source!, profiles, folder, time, progress, cancellationToken);
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException)
        {
            throw new BuildException(e.Message, e);
        }
    }

    private static BuildReport Build(
        BuildSpec spec, SourceSpec source, IReadOnlyList<HardwareProfile> profiles, string folder, TimeProvider time, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        using var memory = GuardedRun.HalfOfMemory();
        progress.Report(new BuildProgress("Reading the model and its samples", 0));
        if (!File.Exists(source.Onnx)) throw new InvalidDataException($"{source.Onnx} does not exist.");
        var model = PreparedModel.Read(source.Onnx);
        using var session = OnnxRuntimeSession.Open(source.Onnx);
        var inputs = ModelInput.WithTables(ModelInput.Of(session), model);
        var state = ModelState.Of(session, inputs, source.State ?? []);
        var validation = ModelSamples.Read(source.Validation, inputs, state, ModelQuantizer.ValidationSeed, source.ValidationLabels, SyntheticShapes.For(source, session, inputs, state));
        var samples = validation.Feeds;
        long[]? labels = validation.Labels is { } given ? [.. given] : null;
        // Before hours of work: what no device could be given is no release.
        var chosen = Chosen(samples, spec, cancellationToken);

        var quantized = new ModelQuantizer(time).Run(source, spec.Quantization, profiles, spec.Gate, Path.Combine(folder, "variants"), new PartOf(progress, 0.02, 0.97), cancellationToken);
        var classes = ClassesOf(session);
        if (labels is not null && classes is { } count && Array.FindIndex(labels, label => label < 0 || label >= count) is >= 0 and var bad)
            throw new InvalidDataException($"The label {labels[bad]} of sample {bad} (counted from 0) is none of the {count} classes of output '{session.OutputNames[0]}'.");

        progress.Report(new BuildProgress("Writing the validation set", 0.98));
        var (arrays, decisions) = Gather(session, samples, chosen, classes is not null, state, cancellationToken);
        long[]? validated = labels is null ? decisions : [.. chosen.Select(sample => labels[sample])];
        var file = Path.Combine(folder, "validation.npz");
        ValidationSet.Write(file, arrays, validated);

        // Devices compare decisions with labels: what the float model decides is right by definition, and a variant's share of it is its accuracy.
        var decided = labels is null && decisions is not null;
        Scores Scored(Scores scores) => decided ? scores with { Accuracy = scores.Agreement } : scores;
        return new BuildReport
        {
            Spec = spec,
            StartedAt = quantized.StartedAt,
            Duration = quantized.Duration,
            MeasuredOn = quantized.MeasuredOn,
            DataSha256 = Digest(source, cancellationToken),
            Samples = new SampleCounts(quantized.Calibration?.Count ?? 0, 0, samples.Count),
            Calibration = quantized.Calibration,
            Validation = quantized.Validation,
            LabelsAreDecisions = decided,
            Classes = source.Classes ?? [.. Enumerable.Range(0, classes ?? 0).Select(number => number.ToString(CultureInfo.InvariantCulture))],
            Student = new NetworkReport { Description = quantized.Model, Parameters = quantized.Parameters, Bytes = quantized.Bytes, Scores = Scored(quantized.Original) },
            Inputs = [.. inputs.Select(input => new TensorDescription(input.Name, Datatype(input.Type), [.. input.Extents.Select(extent => (long)extent)]))],
            Outputs = [.. session.OutputMetadata.Where(output => output.Value.IsTensor).Select(output => new TensorDescription(output.Key, Datatype(output.Value.ElementDataType), [.. output.Value.Dimensions.Select(extent => (long)extent)]))],
            ValidationSet = Artifacts.Reference(file),
            Variants = [.. quantized.Variants.Select(variant => variant.Scores is { } scores ? variant with { Scores = Scored(scores) } : variant)],
        };
    }

    /// <summary>The numbers of the samples that travel with the release, in order.</summary>
    /// <exception cref="InvalidDataException">A device could not be given them.</exception>
    private static int[] Chosen(IFeedSource samples, BuildSpec spec, CancellationToken cancellationToken)
    {
        var bytes = 0L;
        using (var first = samples.Batches(1).First())
        {
            foreach (var (name, value) in first.Names.Zip(first.Values))
            {
                var shape = value.GetTensorTypeAndShape().Shape;
                if (shape is not [1, ..])
                    throw new InvalidDataException($"Input '{name}' takes ({string.Join(", ", shape)}), which has no batch of one in front: devices could not be given samples to validate with. 'fleet models quantize' makes its variants without a release.");
                bytes += value.GetTensorSizeInBytes();
            }
        }
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Clamp(Math.Min(spec.Gate.ValidationSamples, MaximumValidationBytes / Math.Max(1, bytes)), 1, samples.Count);
        var numbers = Enumerable.Range(0, samples.Count).ToArray();
        new Random(spec.Seed).Shuffle(numbers);
        return [.. numbers.Take(count).Order()];
    }

    /// <summary>The chosen samples as arrays by input name, and what the float model decides of each.</summary>
    private static (Dictionary<string, NpyArray> Inputs, long[]? Decisions) Gather(InferenceSession session, IFeedSource samples, int[] chosen, bool decide, ModelState state, CancellationToken cancellationToken)
    {
        var wanted = chosen.ToHashSet();
        var values = new Dictionary<string, Gathered>();
        var decisions = new List<long>();
        using var options = new RunOptions();
        foreach (var (number, feed) in samples.Batches(1).Index())
        {
            using (feed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var keep = wanted.Contains(number);
                if (keep) foreach (var (name, value) in feed.Names.Zip(feed.Values)) Keep(values, name, value, number);
                // State flows from sample to sample, those that stay behind included: each that travels carries the float model's own.
                if (!(decide && keep) && state.Links.Count == 0) continue;
                using var outputs = feed.Run(session, options, [session.OutputNames[0]]);
                if (decide && keep) decisions.Add(TensorPrimitives.IndexOfMax(outputs[0].GetTensorDataAsSpan<float>()));
            }
        }
        return (values.ToDictionary(value => value.Key, value => new NpyArray(NpyTypes.NameOf(value.Value.Type) ?? throw new InvalidDataException($"Input '{value.Key}' takes {value.Value.Type}, which samples of a release cannot hold."), [chosen.Length, .. value.Value.Shape.Skip(1).Select(extent => (int)extent)], value.Value.Bytes.ToArray())),
            decide ? [.. decisions] : null);
    }

    private static void Keep(Dictionary<string, Gathered> values, string name, OrtValue value, int number)
    {
        var tensor = value.GetTensorTypeAndShape();
        if (!values.TryGetValue(name, out var array)) values[name] = array = new Gathered(tensor.ElementDataType, tensor.Shape, new MemoryStream());
        if (!array.Shape.SequenceEqual(tensor.Shape))
            throw new InvalidDataException($"Sample {number} of input '{name}' has shape ({string.Join(", ", tensor.Shape)}) and an earlier one ({string.Join(", ", array.Shape)}); samples of a release must be of one shape.");
        array.Bytes.Write(value.GetTensorMutableRawData());
    }

    /// <summary>Samples of one input, one after the other.</summary>
    private sealed record Gathered(TensorElementType Type, long[] Shape, MemoryStream Bytes);

    /// <summary>Classes of the first output, when it is one row of float scores for each sample; otherwise null.</summary>
    private static int? ClassesOf(InferenceSession session)
        => session.OutputMetadata[session.OutputNames[0]] is { IsTensor: true, ElementDataType: TensorElementType.Float, Dimensions: [-1 or 1, > 1 and var classes] } ? classes : null;

    private static string Digest(SourceSpec source, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var data in new[] { source.Calibration, source.Validation, source.ValidationLabels }.OfType<string>())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (File.Exists(data)) hash.AppendData(SHA256.HashData(File.ReadAllBytes(data)));
            else if (Directory.Exists(data)) foreach (var file in Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)) hash.AppendData(SHA256.HashData(File.ReadAllBytes(file)));
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
