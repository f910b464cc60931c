using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Samples;

/// <summary>
/// Samples that are read from files once and kept, as long as they are few: a quantization passes over them a hundred times, and to unpack
/// and check them each time cost as much as to run a small model on them. What is larger is read at each pass, as before.
/// </summary>
/// <param name="source">The samples; one in each feed, whatever is asked for.</param>
/// <param name="most">Most bytes that are kept.</param>
internal sealed class KeptFeeds(IFeedSource source, long most = KeptFeeds.MostBytes) : IFeedSource
{
    /// <summary>Some fifty pictures of 320 by 320 pixels in three channels of floats.</summary>
    private const long MostBytes = 64 << 20;

    private IReadOnlyList<KeptSample>? _kept;
    private bool _areTooMany;

    /// <inheritdoc/>
    public int Count => source.Count;

    /// <inheritdoc/>
    public IReadOnlyList<int>? Sources => source.Sources;

    /// <inheritdoc/>
    public IEnumerable<Feed> Batches(int batchSize)
    {
        if (_kept is { } kept)
        {
            foreach (var sample in kept) yield return sample.Feed();
            yield break;
        }
        List<KeptSample>? seen = _areTooMany ? null : [];
        var bytes = 0L;
        foreach (var feed in source.Batches(batchSize))
        {
            // What carries state is another value at each pass.
            if (seen is not null && !feed.CarriesState && KeptSample.Of(feed) is { } sample && (bytes += sample.Bytes) <= most)
                seen.Add(sample);
            else if (seen is not null) (seen, _areTooMany) = (null, true);
            yield return feed;
        }
        // Only here has a whole pass been seen.
        _kept = seen;
    }

    /// <summary>One sample, whose values are made anew for each reader: the reader disposes of them.</summary>
    private sealed record KeptSample(IReadOnlyList<(string Name, Func<OrtValue> Make)> Values, long Bytes)
    {
        public static KeptSample? Of(Feed feed)
        {
            var (values, bytes) = (new List<(string, Func<OrtValue>)>(), 0L);
            foreach (var (name, value) in feed.Names.Zip(feed.Values))
            {
                if (Kept(value) is not var (make, size)) return null;
                values.Add((name, make));
                bytes += size;
            }
            return new KeptSample(values, bytes);
        }

        public Feed Feed() => new(Values.ToDictionary(value => value.Name, value => value.Make()));

        private static (Func<OrtValue>, long)? Kept(OrtValue value) => value.GetTensorTypeAndShape() switch
        {
            { ElementCount: 0 } => null,
            { ElementDataType: TensorElementType.Float } => Copied<float>(value),
            { ElementDataType: TensorElementType.Float16 } => Copied<Float16>(value),
            { ElementDataType: TensorElementType.Double } => Copied<double>(value),
            { ElementDataType: TensorElementType.Int64 } => Copied<long>(value),
            { ElementDataType: TensorElementType.Int32 } => Copied<int>(value),
            { ElementDataType: TensorElementType.UInt8 } => Copied<byte>(value),
            { ElementDataType: TensorElementType.Int8 } => Copied<sbyte>(value),
            { ElementDataType: TensorElementType.Bool } => Copied<bool>(value),
            _ => null,
        };

        private static (Func<OrtValue>, long) Copied<T>(OrtValue value) where T : unmanaged
        {
            var (values, shape) = (value.GetTensorDataAsSpan<T>().ToArray(), value.GetTensorTypeAndShape().Shape);
            return (() => OrtValue.CreateTensorValueFromMemory(values, shape), value.GetTensorSizeInBytes());
        }
    }
}
