using Fleet.Contracts.Tasks;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Evaluation;

/// <summary>What a model says of one sample: the values of each output, and how many make a row of it.</summary>
/// <param name="Names">The outputs.</param>
/// <param name="Values">Values of each.</param>
/// <param name="Columns">The last extent of each.</param>
internal sealed record SampleOutputs(IReadOnlyList<string> Names, IReadOnlyList<float[]> Values, IReadOnlyList<int> Columns)
{
    /// <summary>The values of one output, as a score asks for them.</summary>
    public ReadOnlySpan<float> Of(string name, out int columns)
    {
        for (var i = 0; i < Names.Count; i++)
        {
            if (Names[i] != name) continue;
            columns = Columns[i];
            return Values[i];
        }
        throw new ArgumentException($"Output '{name}' was not asked for.", nameof(name));
    }

    /// <summary>The outputs of a model that hold floating-point numbers.</summary>
    /// <exception cref="InvalidDataException">There are none.</exception>
    public static string[] FloatsOf(InferenceSession session)
    {
        string[] asked = [
            .. session.OutputNames.Where(name =>
                session.OutputMetadata[name] is {
                    IsTensor: true, ElementDataType: TensorElementType.Float or TensorElementType.Float16 or TensorElementType.Double }),
        ];
        return asked.Length > 0
            ? asked
            : throw new InvalidDataException("The model has no float output that could be compared; add one to its outputs.");
    }

    /// <summary>What is judged of a model: its floating-point outputs, and of a detector the one that holds the classes of boxes.</summary>
    /// <exception cref="InvalidDataException">There is nothing to compare.</exception>
    public static string[] JudgedOf(InferenceSession session, ModelTask task, DetectionForm? form)
    {
        var floats = FloatsOf(session);
        return task == ModelTask.Detection && form?.Labels is { } labels && !floats.Contains(labels) && session.OutputNames.Contains(labels)
            ? [.. floats, labels]
            : floats;
    }

    /// <summary>
    /// Runs every sample through <paramref name="session"/>, one at a time as a device does, or as many as <paramref name="batch"/>:
    /// dynamic scales are taken over a whole run. What only moves state on is run and says nothing.
    /// </summary>
    /// <exception cref="InvalidDataException">The model does not run on the samples.</exception>
    public static IEnumerable<SampleOutputs> Each(
        InferenceSession session, IFeedSource source, string[] asked, CancellationToken cancellationToken, int batch = 1)
    {
        using var options = new RunOptions();
        var left = source.Count;
        foreach (var feed in batch == 1 ? source.Batches(1) : new StackedFeeds(source, batch).Batches(1))
        {
            using (feed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var results = Run(session, options, feed, asked);
                if (feed.IsForState) continue;
                var all = new SampleOutputs(asked, [.. results.Take(asked.Length).Select(Singles)],
                    [.. results.Take(asked.Length).Select(ColumnsOf)]);
                if (batch == 1) yield return all;
                else
                {
                    foreach (var one in Enumerable.Range(0, Math.Min(batch, left)).Select(place => all.Part(place, batch)))
                        yield return one;
                    left -= batch;
                }
            }
        }
    }

    /// <summary>What is said of one sample of a batch.</summary>
    private SampleOutputs Part(int place, int batch) => this with
    {
        Values = [
            .. Values.Select((values, i) => values.Length % batch == 0
                ? values[(values.Length / batch * place)..(values.Length / batch * (place + 1))]
                : throw new InvalidDataException($"Output {Names[i]} has {values.Length} values, which are not {batch} times as many.")),
        ],
    };

    private static int ColumnsOf(OrtValue value) => value.GetTensorTypeAndShape().Shape is [.., var last] ? (int)last : 1;

    private static float[] Singles(OrtValue value) => value.GetTensorTypeAndShape().ElementDataType switch
    {
        TensorElementType.Float16 => Array.ConvertAll(value.GetTensorDataAsSpan<Float16>().ToArray(), half => (float)half),
        TensorElementType.Double => Array.ConvertAll(value.GetTensorDataAsSpan<double>().ToArray(), wide => (float)wide),
        TensorElementType.Int64 => Array.ConvertAll(value.GetTensorDataAsSpan<long>().ToArray(), whole => (float)whole),
        TensorElementType.Int32 => Array.ConvertAll(value.GetTensorDataAsSpan<int>().ToArray(), whole => (float)whole),
        _ => value.GetTensorDataAsSpan<float>().ToArray(),
    };

    private static IDisposableReadOnlyCollection<OrtValue> Run(InferenceSession session, RunOptions options, Feed feed, string[] asked)
    {
        try
        {
            return feed.Run(session, options, asked);
        }
        catch (OnnxRuntimeException e)
        {
            string Shape(OrtValue value) => $"({string.Join(", ", value.GetTensorTypeAndShape().Shape)})";
            throw new InvalidDataException(
                $"The model does not run on these samples, "
                    + $"{string.Join(", ", feed.Names.Zip(feed.Values, (name, value) => $"{name} {Shape(value)}"))}; give samples as it "
                    + $"expects them, or with --shape the shape of made-up ones. ONNX Runtime says: {RuntimeRefusal.Of(e)}", e);
        }
    }
}
