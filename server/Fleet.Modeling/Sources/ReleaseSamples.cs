using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Modeling.Sources;

/// <summary>
/// The samples that travel with a release of a model of one's own: inputs by name, labels where there are some, otherwise what
/// the float model gave. The device judges by them.
/// </summary>
internal sealed class ReleaseSamples
{
    /// <summary>Most bytes of samples: devices download and hold them.</summary>
    private const long MaximumBytes = 64L << 20;

    private readonly Dictionary<string, (TensorElementType Type, NpyArray Array)> _inputs = [];
    private readonly Dictionary<string, NpyArray> _known = [];
    private readonly BuildSpec _spec;
    private readonly ModelTask _task;

    private ReleaseSamples(BuildSpec spec, ModelTask task, int[] chosen) => (_spec, _task, Numbers) = (spec, task, chosen);

    /// <summary>Which of the samples they are, in rising order.</summary>
    public IReadOnlyList<int> Numbers { get; }

    /// <summary>Chooses samples, and runs the float model on them.</summary>
    /// <exception cref="InvalidDataException">A device could not be given them.</exception>
    public static ReleaseSamples Gather(
        InferenceSession session, IFeedSource samples, IReadOnlyDictionary<string, NpyArray> labels, BuildSpec spec, ModelTask task,
        ModelState state, CancellationToken cancellationToken)
    {
        string[] references = labels.Count > 0 ? [] : ReferencesOf(session, task, spec.Source!.Detection);
        var chosen = Chosen(session, samples, references, spec, cancellationToken);
        var gathered = new ReleaseSamples(spec, task, chosen);
        var values = new Dictionary<string, Column>();
        var wanted = chosen.ToHashSet();
        using var options = new RunOptions();
        foreach (var (number, feed) in samples.Batches(1).Index())
        {
            using (feed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var keep = wanted.Contains(number);
                if (keep) foreach (var (name, value) in feed.Names.Zip(feed.Values)) Keep(values, name, value, number);
                // State flows from sample to sample, those that stay behind included: each that travels carries the float model's own.
                if (!(keep && references.Length > 0) && state.Links.Count == 0) continue;
                using var outputs = feed.Run(session, options, references.Length > 0 ? references : [session.OutputNames[0]]);
                if (keep)
                    foreach (var (name, value) in references.Zip(outputs))
                        Keep(values, TaskDefinition.ReferencePrefix + name, value, number);
            }
        }
        foreach (var (name, column) in values)
        {
            if (name.StartsWith(TaskDefinition.ReferencePrefix, StringComparison.Ordinal))
                gathered._known[name] = column.ToArray(name, chosen.Length);
            else gathered._inputs[name] = (column.Type, column.ToArray(name, chosen.Length));
        }
        foreach (var (name, array) in labels) gathered._known[name] = Rows(array, chosen);
        gathered.RequireOutputs([.. session.OutputNames.Where(name => IsJudged(session, name))]);
        if (task == ModelTask.Detection && references.Length > 0) gathered.RequireCorners(spec.Source!.Detection ?? new DetectionForm());
        return gathered;
    }

    /// <summary>Writes them as the validation set of a release.</summary>
    public void Write(string path)
    {
        using var file = File.Create(path);
        NpzArchive.Write(file, [.. _inputs.Select(input => KeyValuePair.Create(input.Key, input.Value.Array)), .. _known]);
    }

    /// <summary>Refuses, before hours of work, outputs that do not have the form of the task.</summary>
    private void RequireOutputs(IReadOnlyList<string> outputs)
    {
        try
        {
            _ = TaskScore.For(SampleTruth.Read(_task, _known, Numbers.Count), outputs, _spec.Source!.Detection, _spec.Source.LabelUnit);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    /// <summary>
    /// Refuses a detector whose boxes are something else than corners, such as offsets from anchors: most of what it is sure of then spans
    /// no area, and every variant would be judged by the few values that happen to look like boxes.
    /// </summary>
    private void RequireCorners(DetectionForm form)
    {
        var corners = _known[TaskDefinition.ReferencePrefix + form.Boxes].ToSingles();
        var scores = _known[TaskDefinition.ReferencePrefix + form.Scores].ToSingles();
        var columns = scores.Length / Math.Max(1, corners.Length / 4);
        var (sure, empty) = (0, 0);
        for (var i = 0; i < corners.Length / 4; i++)
        {
            var isSure = false;
            for (var at = 0; at < columns; at++) isSure |= at != form.Background && scores[i * columns + at] >= form.ConfidentScore;
            if (!isSure) continue;
            sure++;
            if (!new Box(corners[4 * i], corners[4 * i + 1], corners[4 * i + 2], corners[4 * i + 3]).HasArea) empty++;
        }
        if (2 * empty > sure)
            throw new InvalidDataException(
                $"Output '{form.Boxes}' does not hold left, top, right and bottom of boxes: {empty} of the {sure} that the model is "
                    + $"sure of span no area. Centers and sizes, or offsets from anchors, must become corners within the model.");
    }

    /// <summary>Outputs that a variant is compared with, where there are no labels.</summary>
    private static string[] ReferencesOf(InferenceSession session, ModelTask task, DetectionForm? form) => task switch
    {
        ModelTask.Detection when (form ?? new DetectionForm()) is var boxes =>
            [boxes.Boxes, boxes.Scores, .. boxes.Labels is { } labels ? new[] { labels } : []],
        ModelTask.Outputs => [
            .. session.OutputNames.Where(name => session.OutputMetadata[name].ElementDataType == TensorElementType.Float),
        ],
        _ => [session.OutputNames[0]],
    };

    private static int[] Chosen(
        InferenceSession session, IFeedSource samples, string[] references, BuildSpec spec, CancellationToken cancellationToken)
    {
        if (references.FirstOrDefault(name => !session.OutputNames.Contains(name)) is { } missing)
            throw new InvalidDataException(
                $"The model has no output '{missing}'; it has {string.Join(", ", session.OutputNames)}. source.detection names the outputs "
                    + $"of boxes and scores.");
        var bytes = 0L;
        using (var first = samples.Batches(1).First())
        {
            foreach (var (name, value) in first.Names.Zip(first.Values))
            {
                var shape = value.GetTensorTypeAndShape().Shape;
                if (shape is not [1, ..])
                    throw new InvalidDataException(
                        $"Input '{name}' takes ({string.Join(", ", shape)}), which has no batch of one in front: devices could not be "
                            + $"given samples to validate with. 'fleet models quantize' makes its variants without a release.");
                bytes += value.GetTensorSizeInBytes();
            }
            if (references.Length > 0)
            {
                using var options = new RunOptions();
                using var outputs = session.Run(options, first.Names, first.Values, references);
                bytes += outputs.Sum(output => output.GetTensorSizeInBytes());
            }
        }
        cancellationToken.ThrowIfCancellationRequested();
        var count = (int)Math.Clamp(Math.Min(spec.Gate.ValidationSamples, MaximumBytes / Math.Max(1, bytes)), 1, samples.Count);
        var numbers = Enumerable.Range(0, samples.Count).ToArray();
        new Random(spec.Seed).Shuffle(numbers);
        return [.. numbers.Take(count).Order()];
    }

    private static void Keep(Dictionary<string, Column> values, string name, OrtValue value, int number)
    {
        var tensor = value.GetTensorTypeAndShape();
        if (!values.TryGetValue(name, out var column))
            values[name] = column = new Column(tensor.ElementDataType, tensor.Shape, new MemoryStream());
        if (!column.Shape.SequenceEqual(tensor.Shape))
            throw new InvalidDataException(
                $"Sample {number} of '{name}' has shape ({string.Join(", ", tensor.Shape)}) and an earlier one "
                    + $"({string.Join(", ", column.Shape)}); samples of a release must be of one shape.");
        column.Bytes.Write(value.GetTensorMutableRawData());
    }

    private static NpyArray Rows(NpyArray array, int[] rows)
    {
        var width = array.Data.Length / array.Shape[0];
        return array with
        {
            Shape = [rows.Length, .. array.Shape.Skip(1)],
            Data = rows.SelectMany(row => array.Data.Slice(row * width, width).ToArray()).ToArray(),
        };
    }

    private static bool IsJudged(InferenceSession session, string output)
        => session.OutputMetadata[output].ElementDataType is TensorElementType.Float or TensorElementType.Int64;

    /// <summary>One array, sample after sample.</summary>
    private sealed record Column(TensorElementType Type, long[] Shape, MemoryStream Bytes)
    {
        public NpyArray ToArray(string name, int samples) => new(
            NpyTypes.NameOf(Type) ?? throw new InvalidDataException($"'{name}' holds {Type}, which samples of a release cannot hold."),
            [samples, .. Shape.Skip(1).Select(extent => (int)extent)], Bytes.ToArray());
    }
}
