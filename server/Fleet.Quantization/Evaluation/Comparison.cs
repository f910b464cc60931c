using System.Numerics.Tensors;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Evaluation;

/// <summary>Compares a model's outputs with the float model's; needs no labels.</summary>
internal static class Comparison
{
    /// <summary>How close <paramref name="outputs"/> are to <paramref name="reference"/>.</summary>
    public static Closeness Of(AllOutputs outputs, AllOutputs reference)
    {
        var deviation = new OutputScore().Add(outputs.Values, reference.Values);
        return new Closeness(deviation.SignalToNoise, deviation.Cosine,
            (double)outputs.Decisions.Zip(reference.Decisions)
                .Count(pair => pair.First == pair.Second) / Math.Max(1, reference.Decisions.Length));
    }
}

/// <summary>Everything a model says of some samples.</summary>
/// <param name="Values">All float outputs of all samples.</param>
/// <param name="Decisions">The place of the largest value in each row of the first float output; of a row of one value, a probability,
/// whether it is above one half.</param>
internal sealed record AllOutputs(float[] Values, int[] Decisions)
{
    /// <summary>
    /// Runs every sample through <paramref name="session"/>, one at a time as a device does: dynamic scales are taken over a whole run.
    /// </summary>
    /// <exception cref="InvalidDataException">The model has no float output to compare, or does not run on the samples.</exception>
    public static AllOutputs Of(InferenceSession session, IFeedSource source, CancellationToken cancellationToken)
    {
        var asked = Asked(session);
        var (values, decisions) = (new List<float>(), new List<int>());
        foreach (var (some, decided) in Each(session, source, asked, cancellationToken))
        {
            values.AddRange(some);
            decisions.AddRange(decided);
        }
        return new AllOutputs([.. values], [.. decisions]);
    }

    /// <summary>The same sample by sample, for as many samples as there are.</summary>
    public static IEnumerable<(float[] Values, int[] Decisions)> Each(
        InferenceSession session, IFeedSource source, CancellationToken cancellationToken)
            => Each(session, source, Asked(session), cancellationToken);

    private static IEnumerable<(float[] Values, int[] Decisions)> Each(
        InferenceSession session, IFeedSource source, string[] asked, CancellationToken cancellationToken)
    {
        using var options = new RunOptions();
        foreach (var feed in source.Batches(1))
        {
            using (feed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var results = Run(session, options, feed, asked);
                yield return ([.. results.Take(asked.Length).SelectMany(result => Singles(result).ToArray())], DecisionsOf(results[0]));
            }
        }
    }

    private static int[] DecisionsOf(OrtValue output)
    {
        var row = (int)Math.Max(1, output.GetTensorTypeAndShape().Shape is [.., var last] ? last : 1);
        var values = Singles(output);
        var decisions = new int[values.Length / row];
        for (var i = 0; i < decisions.Length; i++)
            decisions[i] = row == 1 ? values[i] > 0.5f ? 1 : 0 : TensorPrimitives.IndexOfMax(values.Slice(i * row, row));
        return decisions;
    }

    /// <exception cref="InvalidDataException">There are none.</exception>
    private static string[] Asked(InferenceSession session)
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

    private static ReadOnlySpan<float> Singles(OrtValue value) => value.GetTensorTypeAndShape().ElementDataType switch
    {
        TensorElementType.Float16 => Array.ConvertAll(value.GetTensorDataAsSpan<Float16>().ToArray(), half => (float)half),
        TensorElementType.Double => Array.ConvertAll(value.GetTensorDataAsSpan<double>().ToArray(), wide => (float)wide),
        _ => value.GetTensorDataAsSpan<float>(),
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
