using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>Reads a tensor's JSON data, flat or nested as its shape, straight into ONNX Runtime's memory.</summary>
internal static class TensorReader
{
    private delegate bool Parse<T>(ref Utf8JsonReader reader, out T value);

    /// <summary>Reads the <c>data</c> property that the reader stands on into a tensor of <paramref name="shape"/>.</summary>
    /// <exception cref="InferenceException">There are too many or too few elements, or one is not of the tensor's type.</exception>
    public static OrtValue Read(ref Utf8JsonReader reader, OnnxTensor input, long[] shape, int elements)
    {
        var tensor = input.Allocate(shape);
        try
        {
            if (input.Element == TensorElementType.String)
            {
                var strings = new string[elements];
                Fill<string>(ref reader, strings, input, shape, static (ref Utf8JsonReader r, out string v)
                    => (v = (r.TokenType == JsonTokenType.String ? r.GetString() : null)!) is not null);
                for (var i = 0; i < strings.Length; i++) tensor.StringTensorSetElementAt(strings[i].AsSpan(), i);
            }
            else
            {
                ReadNumbers(ref reader, tensor.GetTensorMutableRawData(), input, shape);
            }
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    private static void ReadNumbers(ref Utf8JsonReader reader, Span<byte> data, OnnxTensor input, long[] shape)
    {
        switch (input.Element)
        {
            case TensorElementType.Float:
                Fill<float>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out float v)
                    => r.TryGetSingle(out v) && float.IsFinite(v));
                break;
            case TensorElementType.Double:
                Fill<double>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out double v)
                    => r.TryGetDouble(out v) && double.IsFinite(v));
                break;
            case TensorElementType.Float16:
                Fill<Half>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out Half v)
                    => Half.IsFinite(v = r.TryGetSingle(out var single) ? (Half)single : Half.NaN));
                break;
            case TensorElementType.BFloat16:
                Fill<ushort>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out ushort v)
                    => (v = r.TryGetSingle(out var single) ? BrainFloat(single) : (ushort)0x7F80) is not (0x7F80 or 0xFF80));
                break;
            case TensorElementType.Int8:
                Fill<sbyte>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out sbyte v) => r.TryGetSByte(out v));
                break;
            case TensorElementType.Int16:
                Fill<short>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out short v) => r.TryGetInt16(out v));
                break;
            case TensorElementType.Int32:
                Fill<int>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out int v) => r.TryGetInt32(out v));
                break;
            case TensorElementType.Int64:
                Fill<long>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out long v) => r.TryGetInt64(out v));
                break;
            case TensorElementType.UInt8:
                Fill<byte>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out byte v) => r.TryGetByte(out v));
                break;
            case TensorElementType.UInt16:
                Fill<ushort>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out ushort v) => r.TryGetUInt16(out v));
                break;
            case TensorElementType.UInt32:
                Fill<uint>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out uint v) => r.TryGetUInt32(out v));
                break;
            case TensorElementType.UInt64:
                Fill<ulong>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out ulong v) => r.TryGetUInt64(out v));
                break;
            case TensorElementType.Bool:
                Fill<bool>(ref reader, data, input, shape, static (ref Utf8JsonReader r, out bool v)
                    => (v = r.TokenType == JsonTokenType.True) || r.TokenType == JsonTokenType.False);
                break;
            default:
                throw new InvalidOperationException(
                    $"Elements of type {input.Element} cannot be read; {nameof(OnnxSession)} should have refused the model.");
        }
    }

    /// <summary>The upper half of a float, rounded to nearest.</summary>
    private static ushort BrainFloat(float value) => (ushort)((BitConverter.SingleToUInt32Bits(value) + 0x8000) >> 16);

    private static void Fill<T>(ref Utf8JsonReader reader, Span<byte> data, OnnxTensor input, long[] shape, Parse<T> parse)
        where T : unmanaged
        => Fill(ref reader, MemoryMarshal.Cast<byte, T>(data), input, shape, parse);

    private static void Fill<T>(ref Utf8JsonReader reader, Span<T> elements, OnnxTensor input, long[] shape, Parse<T> parse)
    {
        Json.Begin(ref reader, JsonTokenType.StartArray, "data");
        Span<long> counts = stackalloc long[Json.MaximumRank + 1];
        int depth = 1, filled = 0;
        var elementDepth = 0; // Where the first element was: all of them must be there, at the top (flat) or at the bottom (nested).
        while (depth > 0)
        {
            reader.Read();
            switch (reader.TokenType)
            {
                case JsonTokenType.StartArray:
                    counts[depth]++;
                    if (++depth > shape.Length) throw Malformed($"nests deeper than its shape [{Extents()}]");
                    counts[depth] = 0;
                    break;
                case JsonTokenType.EndArray:
                    if (elementDepth != 1 && elements.Length > 0 && counts[depth] != shape[depth - 1])
                    {
                        throw Malformed(
                            $"has a row of {counts[depth]} along axis {depth - 1}, but its shape [{Extents()}] says {shape[depth - 1]}");
                    }
                    depth--;
                    break;
                default:
                    if (elementDepth == 0) elementDepth = depth;
                    if (depth != elementDepth || (depth != 1 && depth != shape.Length))
                        throw Malformed($"is neither flat nor nested as its shape [{Extents()}]");
                    if (filled == elements.Length)
                        throw Malformed($"has more than the {elements.Length} elements of its shape [{Extents()}]");
                    var number = typeof(T) != typeof(bool) && typeof(T) != typeof(string);
                    if ((number && reader.TokenType != JsonTokenType.Number) || !parse(ref reader, out elements[filled]))
                        throw Malformed($"holds '{Token(reader)}' at element {filled}, which is not {input.Datatype}");
                    counts[depth]++;
                    filled++;
                    break;
            }
        }
        if (filled != elements.Length) throw Malformed($"has {filled} elements; its shape [{Extents()}] needs {elements.Length}");

        string Extents() => string.Join(',', shape);

        InferenceException Malformed(string what) => InferenceException.Malformed($"Data of input '{input.Name}' {what}.");
    }

    private static string Token(in Utf8JsonReader reader)
    {
        var text = Encoding.UTF8.GetString(reader.ValueSpan);
        return text.Length <= 40 ? text : text[..40] + "…";
    }
}
