using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>Writes elements of a tensor as values of JSON: numbers as they are, truth values and texts as such.</summary>
internal static class ElementWriter
{
    private delegate void WriteElement<T>(Utf8JsonWriter writer, T value);

    /// <summary>Writes elements that follow each other, one value each.</summary>
    /// <param name="json">Where they go.</param>
    /// <param name="tensor">What the tensor is.</param>
    /// <param name="value">Its elements.</param>
    /// <param name="first">The first that is written.</param>
    /// <param name="count">How many are.</param>
    /// <exception cref="InferenceException">A float is infinite or not a number.</exception>
    public static void Write(Utf8JsonWriter json, OnnxTensor tensor, OrtValue value, int first, int count)
    {
        switch (tensor.Element)
        {
            case TensorElementType.String:
                for (var i = first; i < first + count; i++) json.WriteStringValue(value.GetStringElementAsSpan(i));
                break;
            case TensorElementType.Float:
                Each<float>((writer, element) => writer.WriteNumberValue(Finite(tensor, element)));
                break;
            case TensorElementType.Float16:
                Each<Half>((writer, element) => writer.WriteNumberValue(Finite(tensor, (float)element)));
                break;
            case TensorElementType.BFloat16:
                Each<ushort>((writer, element) => writer.WriteNumberValue(Finite(tensor, Datatypes.OfBrainFloat(element))));
                break;
            case TensorElementType.Double:
                Each<double>((writer, element)
                    => writer.WriteNumberValue(double.IsFinite(element) ? element : throw NotFinite(tensor, element)));
                break;
            case TensorElementType.Int8:
                Each<sbyte>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.Int16:
                Each<short>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.Int32:
                Each<int>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.Int64:
                Each<long>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.UInt8:
                Each<byte>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.UInt16:
                Each<ushort>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.UInt32:
                Each<uint>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.UInt64:
                Each<ulong>(static (writer, element) => writer.WriteNumberValue(element));
                break;
            case TensorElementType.Bool:
                Each<bool>(static (writer, element) => writer.WriteBooleanValue(element));
                break;
            default:
                throw new InferenceException(500, $"Output {tensor} holds what JSON cannot express.");
        }

        void Each<T>(WriteElement<T> write)
            where T : unmanaged
        {
            foreach (var element in MemoryMarshal.Cast<byte, T>(value.GetTensorMutableRawData()).Slice(first, count)) write(json, element);
        }
    }

    private static float Finite(OnnxTensor tensor, float element) => float.IsFinite(element) ? element : throw NotFinite(tensor, element);

    private static InferenceException NotFinite(OnnxTensor tensor, double value) => new(500,
        $"Output '{tensor.Name}' holds {value}, which JSON cannot express; ask for it at /v2/models/NAME/infer with "
            + "\"parameters\":{\"binary_data\":true}.");
}
