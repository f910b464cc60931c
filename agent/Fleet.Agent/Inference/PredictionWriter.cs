using System.Numerics.Tensors;
using System.Text.Json;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>Writes what a model answered in the words of its task: <c>{"predictions": [...]}</c>, one for each instance.</summary>
internal static class PredictionWriter
{
    private delegate void WriteInstance(int instance);

    /// <summary>Writes the answer.</summary>
    /// <param name="buffer">Where it goes.</param>
    /// <param name="model">The model.</param>
    /// <param name="outputs">All outputs, those that are answered with their first axis counting the instances.</param>
    /// <param name="unknown">Of each instance, the parts that hold words which training did not meet.</param>
    /// <exception cref="InferenceException">Outputs are not one for each instance, or hold what JSON cannot express.</exception>
    public static void Write(
        PooledBuffer buffer, ServedModel model, IReadOnlyList<(OnnxTensor Tensor, OrtValue Value)> outputs,
        IReadOnlyList<string>[] unknown)
    {
        using var json = Begin(buffer);
        var (write, _) = WriterOf(json, model, outputs, unknown.Length);
        foreach (var (instance, words) in unknown.Index())
        {
            json.WriteStartObject();
            write(instance);
            if (words.Count > 0)
            {
                json.WriteStartArray("unknown"u8);
                foreach (var name in words) json.WriteStringValue(name);
                json.WriteEndArray();
            }
            json.WriteEndObject();
        }
        End(json, model);
    }

    /// <summary>Begins an answer: what is written next is in the list of predictions.</summary>
    public static Utf8JsonWriter Begin(PooledBuffer buffer)
    {
        var json = new Utf8JsonWriter(buffer, InferenceServer.Readable);
        json.WriteStartObject();
        json.WriteStartArray("predictions"u8);
        return json;
    }

    /// <summary>Writes into an object what a model answered to one sample.</summary>
    /// <param name="json">Where it goes.</param>
    /// <param name="model">The model.</param>
    /// <param name="outputs">All outputs for the sample.</param>
    /// <param name="answers">How many such answers the request has: all are held until the last one is written.</param>
    /// <exception cref="InferenceException">
    /// An output is not one for the sample, or holds what JSON cannot express, or so many answers of its width are too much.
    /// </exception>
    public static void WriteAnswer(
        Utf8JsonWriter json, ServedModel model, IReadOnlyList<(OnnxTensor Tensor, OrtValue Value)> outputs, long answers)
    {
        var (write, width) = WriterOf(json, model, outputs, 1);
        if (width > ModelInstances.MostValues / answers)
            throw InferenceException.Malformed($"{answers:N0} answers of {width:N0} values are more than one request is answered with, "
                + $"{ModelInstances.MostValues:N0} values: ask in several, of {Math.Max(1, ModelInstances.MostValues / width):N0} windows "
                + "at most.");
        write(0);
    }

    /// <summary>Ends an answer.</summary>
    public static void End(Utf8JsonWriter json, ServedModel model)
    {
        json.WriteEndArray();
        json.WriteString("model_name"u8, model.Model);
        json.WriteString("model_version"u8, $"{model.Version}");
        json.WriteEndObject();
        json.Flush();
    }

    /// <summary>How an instance is answered, and with how many values. Scores are converted here, once for all instances.</summary>
    private static (WriteInstance Write, long Width) WriterOf(
        Utf8JsonWriter json, ServedModel model, IReadOnlyList<(OnnxTensor Tensor, OrtValue Value)> outputs, int count)
    {
        // The release's first output is the one that matters, wherever the graph has it.
        var main = outputs.FirstOrDefault(output => model.Outputs is [var first, ..] && output.Tensor.Name == first.Name, outputs[0]);
        var (task, classes) = (model.TaskOf(), model.Classes);
        if (task == ModelTask.Regression)
        {
            var width = WidthOf(main, count);
            return (instance =>
            {
                json.WritePropertyName(width == 1 ? "value"u8 : "values"u8);
                Write(json, main, instance, width, isList: width != 1);
            }, width);
        }
        if (task is ModelTask.Classification or ModelTask.MultiLabel && classes.Count > 0 && WidthOf(main, count) == classes.Count
            && Datatypes.Numbers(main.Value).ToArray() is { Length: > 0 } scores)
        {
            return (task == ModelTask.Classification
                ? instance => WriteClass(json, classes, scores.AsSpan(instance * classes.Count, classes.Count))
                : instance => WriteLabels(json, classes, scores.AsSpan(instance * classes.Count, classes.Count)), classes.Count);
        }
        if (task == ModelTask.Anomaly && WidthOf(main, count) == 1 && Datatypes.Numbers(main.Value).ToArray() is { Length: > 0 } unlike)
            return (instance => WriteScore(json, unlike[instance]), 1);
        int[] widths = [.. outputs.Select(output => WidthOf(output, count))];
        return (instance =>
        {
            json.WriteStartObject("outputs"u8);
            foreach (var (output, width) in outputs.Zip(widths))
            {
                json.WritePropertyName(output.Tensor.Name);
                Write(json, output, instance, width, isList: true);
            }
            json.WriteEndObject();
        }, widths.Sum(width => (long)width));
    }

    private static void WriteClass(Utf8JsonWriter json, IReadOnlyList<string> classes, ReadOnlySpan<float> scores)
    {
        var (decided, probabilities) = (ClassificationScore.Decide(scores), ClassDecision.Probabilities(scores));
        json.WriteString("class"u8, classes[decided]);
        json.WriteNumber("probability"u8, Finite("probability", probabilities[decided]));
        Write(json, classes, probabilities);
    }

    private static void WriteLabels(Utf8JsonWriter json, IReadOnlyList<string> labels, ReadOnlySpan<float> logits)
    {
        json.WriteStartArray("labels"u8);
        for (var i = 0; i < logits.Length; i++)
        {
            if (LabelSetScore.IsGiven(logits[i])) json.WriteStringValue(labels[i]);
        }
        json.WriteEndArray();
        var probabilities = new float[logits.Length];
        TensorPrimitives.Sigmoid(logits, probabilities);
        Write(json, labels, probabilities);
    }

    private static void WriteScore(Utf8JsonWriter json, float score)
    {
        json.WriteNumber("score"u8, Finite("score", score));
        json.WriteBoolean("anomaly"u8, AnomalyTask.IsAnomaly(score));
        json.WriteNumber("threshold"u8, AnomalyTask.Threshold);
    }

    /// <summary>Values of an output for one instance.</summary>
    private static int WidthOf((OnnxTensor Tensor, OrtValue Value) output, int count)
    {
        var tensor = output.Value.GetTensorTypeAndShape();
        return tensor.Shape is [var rows, ..] && rows == count ? checked((int)(tensor.ElementCount / count))
            : throw new InferenceException(500,
                $"Output '{output.Tensor.Name}' does not have a row for each instance; ask for it at /v2/models/NAME/infer.");
    }

    private static void Write(
        Utf8JsonWriter json, (OnnxTensor Tensor, OrtValue Value) output, int instance, int width, bool isList)
    {
        if (isList) json.WriteStartArray();
        ElementWriter.Write(json, output.Tensor, output.Value, instance * width, width);
        if (isList) json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyList<string> keys, float[] probabilities)
    {
        json.WriteStartObject("probabilities"u8);
        foreach (var (key, value) in keys.Zip(probabilities)) json.WriteNumber(key, Finite(key, value));
        json.WriteEndObject();
    }

    private static float Finite(string name, float value) => float.IsFinite(value) ? value
        : throw new InferenceException(500, $"The model answered {value} for '{name}', which JSON cannot express.");
}
