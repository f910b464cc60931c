using System.Text.Json;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>The part that reads an input.</summary>
internal ref partial struct InferenceRequestReader
{
    private void ReadInput(ref Utf8JsonReader reader, ref ReadOnlySpan<byte> binary, InferenceRequest request)
    {
        Json.Expect(ref reader, JsonTokenType.StartObject, "An entry of inputs");
        string? name = null, datatype = null;
        long[]? shape = null;
        long? binarySize = null;
        var data = default(Utf8JsonReader);
        var dataSkipped = false;
        OrtValue? value = null;
        try
        {
            while (Json.NextProperty(ref reader))
            {
                if (reader.ValueTextEquals("name"u8)) name = Json.Text(ref reader, "name");
                else if (reader.ValueTextEquals("datatype"u8)) datatype = Json.Text(ref reader, "datatype");
                else if (reader.ValueTextEquals("shape"u8)) shape = Json.Shape(ref reader);
                else if (reader.ValueTextEquals("parameters"u8)) binarySize = Parameters.Read(ref reader).BinaryDataSize;
                else if (!reader.ValueTextEquals("data"u8)) Json.SkipValue(ref reader);
                else if (name is not null && datatype is not null && shape is not null && value is null && !dataSkipped)
                {
                    value = TensorReader.Read(ref reader, InputFor(name, datatype, shape, request), shape, ElementsOf(name, shape));
                }
                else
                {
                    // Only what is known of the tensor tells how to read its data: come back to it.
                    data = reader;
                    dataSkipped = true;
                    Json.SkipValue(ref reader);
                }
            }
            if (name is null) throw InferenceException.Malformed("An entry of inputs has no name.");
            if (datatype is null || shape is null)
                throw InferenceException.Malformed($"Input '{name}' has no {(datatype is null ? "datatype" : "shape")}.");
            var input = InputFor(name, datatype, shape, request);
            if (binarySize is { } size)
            {
                if (value is not null || dataSkipped)
                    throw InferenceException.Malformed($"Input '{name}' has both data and binary_data_size.");
                if (size < 0 || size > binary.Length)
                {
                    throw InferenceException.Malformed(
                        $"Input '{name}' has binary_data_size {size}, but {binary.Length} bytes of binary data are left.");
                }
                value = BinaryTensor.Read(binary[..(int)size], input, shape, ElementsOf(name, shape));
                binary = binary[(int)size..];
            }
            if (dataSkipped && value is not null) throw InferenceException.Malformed($"Input '{name}' has data twice.");
            if (dataSkipped) value = TensorReader.Read(ref data, input, shape, ElementsOf(name, shape));
            if (value is null) throw InferenceException.Malformed($"Input '{name}' has neither data nor binary_data_size.");
            request.InputNames.Add(name);
            request.Values.Add(value);
            value = null;
        }
        finally
        {
            value?.Dispose();
        }
    }

    private readonly OnnxTensor InputFor(string name, string datatype, long[] shape, InferenceRequest request)
    {
        var input = inputs.FirstOrDefault(input => input.Name == name)
            ?? throw InferenceException.Malformed($"The model has no input '{name}'; it takes {string.Join(", ", inputs)}.");
        if (request.InputNames.Contains(name)) throw InferenceException.Malformed($"Input '{name}' is given twice.");
        if (datatype != input.Datatype)
            throw InferenceException.Malformed($"Input '{name}' has datatype {datatype}; the model takes {input}.");
        if (!input.Takes(shape))
            throw InferenceException.Malformed($"Input '{name}' has shape [{string.Join(',', shape)}]; the model takes {input}.");
        return input;
    }

    /// <summary>Elements of a shape. Each takes at least a byte: a small request cannot ask for a large allocation.</summary>
    private readonly int ElementsOf(string name, long[] shape)
    {
        var elements = 1L;
        foreach (var extent in shape)
        {
            elements = extent <= _bytes ? elements * extent : long.MaxValue;
            if (elements <= _bytes) continue;
            throw InferenceException.Malformed(
                $"Input '{name}' has shape [{string.Join(',', shape)}], more elements than a request of {_bytes} bytes can hold.");
        }
        return (int)elements;
    }
}
