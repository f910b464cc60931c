using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Fleet.Agent.Inference;

/// <summary>The part that says what is served.</summary>
internal sealed partial class InferenceServer
{
    private Task DescribeAsync(HttpContext context, string name, string? version)
    {
        var model = Acquire(name, version);
        try
        {
            return Reply(context, 200, json => Describe(json, model));
        }
        finally
        {
            model.Release();
        }
    }

    private Task DescribeReadyAsync(HttpContext context, string name, string? version)
    {
        Acquire(name, version).Release();
        return Reply(context, 200, json =>
        {
            json.WriteString("name"u8, name);
            json.WriteBoolean("ready"u8, true);
        });
    }

    private static void DescribeServer(Utf8JsonWriter json)
    {
        json.WriteString("name"u8, "fleet-agent");
        json.WriteString("version"u8, typeof(InferenceServer).Assembly.GetName().Version!.ToString(3));
        json.WriteStartArray("extensions"u8);
        json.WriteStringValue("binary_tensor_data"u8);
        json.WriteEndArray();
    }

    private static void Describe(Utf8JsonWriter json, LoadedModel model)
    {
        json.WriteString("name"u8, model.Description.Model);
        json.WriteStartArray("versions"u8);
        json.WriteStringValue($"{model.Description.Version}");
        json.WriteEndArray();
        json.WriteString("platform"u8, "onnxruntime_onnx");
        Describe(json, "inputs", model.Inputs);
        Describe(json, "outputs", model.Outputs);
        json.WriteStartObject("parameters"u8);
        json.WriteString("variant"u8, model.Description.Variant);
        json.WriteStartArray("classes"u8);
        foreach (var name in model.Description.Classes) json.WriteStringValue(name);
        json.WriteEndArray();
        model.Instances.Describe(json);
        json.WriteEndObject();
    }

    private static void Describe(Utf8JsonWriter json, string kind, IReadOnlyList<OnnxTensor> tensors)
    {
        json.WriteStartArray(kind);
        foreach (var tensor in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name"u8, tensor.Name);
            json.WriteString("datatype"u8, tensor.Datatype);
            json.WriteStartArray("shape"u8);
            foreach (var extent in tensor.Shape) json.WriteNumberValue(extent);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
