using Fleet.Contracts.Scoring;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// What the samples beside it in a batch cost a sample, of a model that rounds activations by the largest value of a whole batch.
/// </summary>
/// <param name="Alone">Decibels of signal to noise of samples that are run one by one.</param>
/// <param name="Beside">The same of samples each of which is run beside a copy of itself that is <see cref="Louder"/> times larger.</param>
internal sealed record BatchMates(double Alone, double Beside)
{
    /// <summary>How many times larger the other sample is: what the loudest of a day may be to the usual one.</summary>
    public const int Louder = 8;

    private const int MostSamples = 16;

    /// <summary>Decibels below which there is nothing to say.</summary>
    private const double Noticeable = 1;

    /// <summary>True where it is worth a sentence.</summary>
    public bool Matter => Alone - Beside >= Noticeable;

    /// <summary>
    /// Measures it; null where a run takes one sample, samples carry state, or no input holds floats that could be larger.
    /// </summary>
    /// <param name="original">The float model.</param>
    /// <param name="variant">The quantized one.</param>
    /// <param name="samples">Samples.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static BatchMates? Measure(
        InferenceSession original, InferenceSession variant, IFeedSource samples, CancellationToken cancellationToken)
    {
        string[] asked = [
            .. original.OutputNames.Where(name => original.OutputMetadata[name].ElementDataType == TensorElementType.Float),
        ];
        if (ModelOutputs.BatchSizeOf(original) == 1 || asked.Length == 0) return null;
        var (alone, beside, taken) = (new OutputScore(), new OutputScore(), 0);
        foreach (var feed in samples.Batches(1))
        {
            using (feed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (feed.CarriesState || Doubled(feed) is not { } pair) return null;
                using (pair)
                {
                    var expected = Run(original, feed, asked);
                    var together = Run(variant, pair, asked);
                    if (expected.Zip(together).Any(one => one.Second.Length != 2 * one.First.Length)) return null;
                    foreach (var (value, reference) in Run(variant, feed, asked).Zip(expected)) alone.Add(value, reference);
                    foreach (var (value, reference) in together.Zip(expected)) beside.Add(value.AsSpan(0, reference.Length), reference);
                }
            }
            if (++taken == MostSamples) break;
        }
        return taken == 0 ? null : new BatchMates(alone.SignalToNoise, beside.SignalToNoise);
    }

    private static float[][] Run(InferenceSession session, Feed feed, string[] asked)
    {
        using var options = new RunOptions();
        using var results = feed.Run(session, options, asked);
        return [.. results.Take(asked.Length).Select(value => value.GetTensorDataAsSpan<float>().ToArray())];
    }

    /// <summary>The sample and a louder copy of it in one batch.</summary>
    private static Feed? Doubled(Feed feed)
    {
        var values = new Dictionary<string, OrtValue>();
        var louder = false;
        foreach (var (name, value) in feed.Names.Zip(feed.Values))
        {
            var type = value.GetTensorTypeAndShape();
            OrtValue? both = type.Shape is not [1, ..] ? null : type.ElementDataType switch
            {
                TensorElementType.Float => Both(value.GetTensorDataAsSpan<float>().ToArray(), type.Shape, one => one * Louder),
                TensorElementType.Int64 => Both(value.GetTensorDataAsSpan<long>().ToArray(), type.Shape, one => one),
                TensorElementType.Int32 => Both(value.GetTensorDataAsSpan<int>().ToArray(), type.Shape, one => one),
                _ => null,
            };
            if (both is null)
            {
                foreach (var made in values.Values) made.Dispose();
                return null;
            }
            values[name] = both;
            louder |= type.ElementDataType == TensorElementType.Float;
        }
        var pair = new Feed(values);
        if (louder) return pair;
        pair.Dispose();
        return null;
    }

    private static OrtValue Both<T>(T[] values, long[] shape, Func<T, T> larger) where T : unmanaged
        => OrtValue.CreateTensorValueFromMemory<T>([.. values, .. values.Select(larger)], [2, .. shape[1..]]);
}
