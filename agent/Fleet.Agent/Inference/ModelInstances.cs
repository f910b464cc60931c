using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Inputs;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>
/// How a model takes what applications have: as its file says, by the code that training used; numbers in the shape of its input where the
/// file says nothing.
/// </summary>
internal sealed class ModelInstances
{
    private readonly InputForm? _form;
    private readonly OnnxTensor? _input;
    private readonly IInputReader? _reader;
    private readonly string _refusal;

    private ModelInstances(InputForm? form, OnnxTensor? input, IInputReader? reader, string refusal = "")
        => (_form, _input, _reader, _refusal) = (form, input, reader, refusal);

    /// <summary>What a model's file says.</summary>
    /// <exception cref="ModelRefusedException">It is malformed, or does not belong to the model's input.</exception>
    public static ModelInstances Of(OnnxSession session)
    {
        InputForm? form;
        IInputReader? reader = null;
        try
        {
            form = InputForm.Of(session.Metadata);
            if (form is { IsKnown: true }) reader = form.Reader();
        }
        catch (FormatException e)
        {
            throw new ModelRefusedException(e.Message, e);
        }
        if (form is { IsKnown: false })
            return new ModelInstances(null, null, null, $"The model's input is made by rules of version {form.Version}, which this agent "
                + $"does not know (it knows those up to {InputForm.Current}): update the agent, or give tensors to /v2/models/NAME/infer.");
        if (session.Inputs is not [{ Element: TensorElementType.Float or TensorElementType.Int64, Shape: [_, ..] } input]
            || input.Shape.Skip(1).Any(extent => extent is < 1 or > int.MaxValue))
            return form is null
                ? new ModelInstances(null, null, null, "The model does not take one input of numbers of a known shape: give tensors to "
                    + "/v2/models/NAME/infer.")
                : throw new ModelRefusedException($"The file says how one input is made, and has {string.Join(", ", session.Inputs)}.");
        int[] shape = [.. input.Shape.Skip(1).Select(extent => (int)extent)];
        if (shape.Aggregate(1L, (product, extent) => Math.Min(MostValues + 1, product * extent)) > MostValues)
            return new ModelInstances(null, null, null, $"A sample of {input} is larger than the {MostValues:N0} values that are made.");
        if (reader is IStreamReader && input.Element != TensorElementType.Float)
            throw new ModelRefusedException($"The file says how windows of a stream are made, and its input is {input}.");
        reader ??= new NumbersReader(shape);
        var width = shape.Aggregate(1, (product, extent) => product * extent);
        return reader.Width == width ? new ModelInstances(form, input, reader)
            : throw new ModelRefusedException(
                $"The file says how {reader.Width} values of a sample are made, and its input is {input}.");
    }

    /// <summary>Makes the model's input of instances.</summary>
    /// <param name="instances">A list of them.</param>
    /// <exception cref="InferenceException">They are not what the model takes.</exception>
    public PredictRequest Read(JsonElement instances)
    {
        if (_reader is not { } reader || _input is not { } input) throw InferenceException.Malformed(_refusal);
        var count = instances.GetArrayLength();
        if (count == 0) throw InferenceException.Malformed("instances is empty: give at least one.");
        if (count > MostValues / reader.Width)
            throw InferenceException.Malformed(
                $"{count:N0} instances of {reader.Width:N0} values are more than one request makes: {MostValues / reader.Width:N0} are.");
        if (input.Shape[0] >= 0 && input.Shape[0] != count)
            throw InferenceException.Malformed($"The model takes {input.Shape[0]} instances at once, not {count}.");
        // Whole numbers stay what they are where nothing is made of them.
        var numbers = input.Element == TensorElementType.Int64 ? reader as NumbersReader : null;
        var (values, whole) = (new float[numbers is null ? count * reader.Width : 0], new long[numbers is null ? 0 : count * reader.Width]);
        var unknown = new IReadOnlyList<string>[count];
        var longer = new LongerStreams(count);
        foreach (var (place, instance) in instances.EnumerateArray().Index())
        {
            try
            {
                var (start, width) = (place * reader.Width, reader.Width);
                unknown[place] = reader switch
                {
                    NumbersReader when numbers is not null => numbers.Read(instance, whole.AsSpan(start, width)),
                    IStreamReader streams => longer.Read(streams, instance, place, values.AsSpan(start, width)),
                    _ => ((IInstanceReader)reader).Read(instance, values.AsSpan(start, width)),
                };
            }
            catch (FormatException e)
            {
                throw InferenceException.Malformed($"Instance {place} (counted from 0): {e.Message.TrimEnd('.')}.");
            }
            catch (InvalidOperationException)
            {
                // What is read as JSON without looking into its texts shows there that they are not.
                throw InferenceException.Malformed($"Instance {place} (counted from 0) holds text that is not UTF-8.");
            }
        }
        if (longer.Streams.Length > 0 && input.Shape[0] > 1)
            throw InferenceException.Malformed($"The model takes {input.Shape[0]} samples at once: give windows of its length.");
        var tensor = input.Allocate([count, .. input.Shape.Skip(1)]);
        if (input.Element == TensorElementType.Float) values.CopyTo(tensor.GetTensorMutableDataAsSpan<float>());
        else
        {
            var taken = tensor.GetTensorMutableDataAsSpan<long>();
            whole.CopyTo(taken);
            for (var i = 0; i < values.Length; i++) taken[i] = (long)values[i];
        }
        return new PredictRequest(input, tensor, unknown, longer.Streams);
    }

    /// <summary>Says in a model's description what an instance is, where its file says so.</summary>
    public void Describe(Utf8JsonWriter json)
    {
        if (_form is null || _reader is null) return;
        json.WriteStartObject("instance"u8);
        _reader.Describe(json);
        json.WriteEndObject();
    }

    /// <summary>As many values as a request with tensors can hold.</summary>
    internal const int MostValues = Limits.InferenceRequestBytes / sizeof(float);
}
