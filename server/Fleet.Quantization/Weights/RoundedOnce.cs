using System.Runtime.CompilerServices;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;

namespace Fleet.Quantization.Weights;

/// <summary>
/// Remembers what weights were rounded to, as long as their values are held by some model. A quantization rounds the same weights
/// hundreds of times: for each scheme, each layer whose bias is corrected, and each set of layers that stays float. Copies of a model share
/// the bytes of its weights, so that these tell what is the same.
/// </summary>
internal static class RoundedOnce
{
    private static readonly ConditionalWeakTable<ByteString, Dictionary<object, object>> Known = [];

    /// <summary>What <paramref name="round"/> makes of the weight.</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="how">Tells one way of rounding from another; compared by value.</param>
    /// <param name="round">Rounds it.</param>
    public static T Of<T>(TensorProto weight, object how, Func<T> round) where T : class
    {
        if (!weight.HasRawData) return round();
        var known = Known.GetOrCreateValue(weight.RawData);
        lock (known) return (T)(known.TryGetValue(how, out var rounded) ? rounded : known[how] = round());
    }
}
