using System.Text.Json;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>
/// Writes an inference response of the Open Inference Protocol v2: tensors as JSON or, where the client asked, as binary data behind it.
/// </summary>
internal static class InferenceResponseWriter
{
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
                    ElementWriter.Write(json, tensor, value, 0, checked((int)value.GetTensorTypeAndShape().ElementCount));
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
}
