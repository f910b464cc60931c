using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>
/// Writes an inference response of the Open Inference Protocol v2: tensors as JSON or, where the client asked, as binary data behind it.
/// </summary>
internal static class InferenceResponseWriter
{
    private delegate void WriteElement<T>(Utf8JsonWriter writer, T value);

    /// <summary>Writes a response and returns the length of its JSON part; what follows is binary data.</summary>
    /// <exception cref="InferenceException">A value cannot be written as JSON.</exception>
    public static int Write(
        PooledBuffer buffer, ServedModel model, string? id, IReadOnlyList<(OnnxTensor Tensor, OrtValue Value, bool Binary)> outputs)
    {
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model_name"u8, model.Model);
            json.WriteString("model_version"u8, $"{model.Version}");
            if (id is not null) json.WriteString("id"u8, id);
            json.WriteStartArray("outputs"u8);
            foreach (var (tensor, value, binary) in outputs)
            {
                json.WriteStartObject();
                json.WriteString("name"u8, tensor.Name);
                json.WriteString("datatype"u8, tensor.Datatype);
                json.WriteStartArray("shape"u8);
                foreach (var extent in value.GetTensorTypeAndShape().Shape) json.WriteNumberValue(extent);
                json.WriteEndArray();
                if (binary)
                {
                    json.WriteStartObject("parameters"u8);
                    json.WriteNumber("binary_data_size"u8, BinaryTensor.SizeOf(value, tensor.Element));
                    json.WriteEndObject();
                }
                else
                {
                    json.WriteStartArray("data"u8);
                    WriteData(json, tensor, value);
                    json.WriteEndArray();
                }
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        var length = buffer.Written.Length;
        foreach (var (tensor, value, binary) in outputs)
        {
            if (binary) BinaryTensor.Write(buffer, value, tensor.Element);
        }
        return length;
    }

    private static void WriteData(Utf8JsonWriter json, OnnxTensor tensor, OrtValue value)
    {
        if (tensor.Element == TensorElementType.String)
        {
            for (var i = 0; i < value.GetTensorTypeAndShape().ElementCount; i++) json.WriteStringValue(value.GetStringElementAsSpan(i));
            return;
        }
        switch (tensor.Element)
        {
            case TensorElementType.Float16 or TensorElementType.BFloat16 or TensorElementType.Float:
                foreach (var element in Datatypes.Singles(value))
                    json.WriteNumberValue(float.IsFinite(element) ? element : throw NotFinite(tensor, element));
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
        }

        void Each<T>(WriteElement<T> write)
            where T : unmanaged
        {
            foreach (var element in MemoryMarshal.Cast<byte, T>(value.GetTensorMutableRawData())) write(json, element);
        }
    }

    private static InferenceException NotFinite(OnnxTensor tensor, double value)
        => new(500,
            $"Output '{tensor.Name}' holds {value}, which JSON cannot express; ask for it with \"parameters\":{{\"binary_data\":true}}.");
}
