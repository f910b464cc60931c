using System.Text.Json;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>Writes what a model answered in the words of its task: <c>{"predictions": [...]}</c>, one for each instance.</summary>
internal static class PredictionWriter
{
    /// <summary>Writes the answer.</summary>
    /// <param name="buffer">Where it goes.</param>
    /// <param name="model">The model.</param>
    /// <param name="outputs">All outputs, each with its first axis counting the instances.</param>
    /// <param name="unknown">Of each instance, the parts that hold words which training did not meet.</param>
    /// <exception cref="InferenceException">Outputs are not one for each instance, or hold what JSON cannot express.</exception>
    public static void Write(
        PooledBuffer buffer, ServedModel model, IReadOnlyList<(string Name, OrtValue Value)> outputs, IReadOnlyList<string>[] unknown)
    {
        using var json = new Utf8JsonWriter(buffer, InferenceServer.Readable);
        json.WriteStartObject();
        json.WriteStartArray("predictions"u8);
        for (var instance = 0; instance < unknown.Length; instance++)
        {
            json.WriteStartObject();
            Write(json, model, [.. outputs.Select(output => (output.Name, Row(output, instance, unknown.Length)))]);
            if (unknown[instance].Count > 0)
            {
                json.WriteStartArray("unknown"u8);
                foreach (var name in unknown[instance]) json.WriteStringValue(name);
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("model_name"u8, model.Model);
        json.WriteString("model_version"u8, $"{model.Version}");
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ServedModel model, IReadOnlyList<(string Name, float[] Values)> outputs)
    {
        // The release's first output is the one that matters, wherever the graph has it.
        var main = model.Outputs is [var first, ..] ? outputs.FirstOrDefault(output => output.Name == first.Name).Values : null;
        main ??= outputs[0].Values;
        switch (model.TaskOf())
        {
            case ModelTask.Classification when main.Length == model.Classes.Count && main.Length > 0:
                var (decided, probabilities) = (ClassDecision.Of(main).Class, ClassDecision.Probabilities(main));
                json.WriteString("class"u8, model.Classes[decided]);
                Write(json, "probability", probabilities[decided]);
                Write(json, "probabilities", model.Classes, probabilities);
                break;
            case ModelTask.MultiLabel when main.Length == model.Classes.Count:
                json.WriteStartArray("labels"u8);
                foreach (var (label, logit) in model.Classes.Zip(main))
                {
                    if (LabelSetScore.IsGiven(logit)) json.WriteStringValue(label);
                }
                json.WriteEndArray();
                Write(json, "probabilities", model.Classes, Array.ConvertAll(main, logit => 1 / (1 + MathF.Exp(-logit))));
                break;
            case ModelTask.Regression when main.Length == 1:
                Write(json, "value", main[0]);
                break;
            case ModelTask.Regression:
                Write(json, "values", main);
                break;
            default:
                json.WriteStartObject("outputs"u8);
                foreach (var (name, values) in outputs) Write(json, name, values);
                json.WriteEndObject();
                break;
        }
    }

    private static float[] Row((string Name, OrtValue Value) output, int instance, int count)
    {
        var values = Datatypes.Singles(output.Value);
        if (values.IsEmpty) values = Array.ConvertAll(Datatypes.Integers(output.Value), number => (float)number);
        return output.Value.GetTensorTypeAndShape().Shape is [var rows, ..] && rows == count && values.Length % count == 0
            ? values.Slice(instance * (values.Length / count), values.Length / count).ToArray()
            : throw new InferenceException(500,
                $"Output '{output.Name}' does not have a row for each instance; ask for it at /v2/models/NAME/infer.");
    }

    private static void Write(Utf8JsonWriter json, string name, IReadOnlyList<string> keys, float[] values)
    {
        json.WriteStartObject(name);
        foreach (var (key, value) in keys.Zip(values)) Write(json, key, value);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, float[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteNumberValue(Finite(name, value));
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, string name, float value) => json.WriteNumber(name, Finite(name, value));

    private static float Finite(string name, float value) => float.IsFinite(value) ? value
        : throw new InferenceException(500, $"The model answered {value} for '{name}', which JSON cannot express.");
}
