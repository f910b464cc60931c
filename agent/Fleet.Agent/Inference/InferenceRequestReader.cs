using System.Text.Json;

namespace Fleet.Agent.Inference;

/// <summary>
/// Reads an inference request of the Open Inference Protocol v2 (https://github.com/kserve/open-inference-protocol) with its binary
/// tensor data extension, straight into ONNX Runtime's memory. Every refusal names the input, what came and what is expected.
/// </summary>
/// <param name="inputs">Inputs of the model.</param>
/// <param name="outputs">Outputs of the model.</param>
internal ref partial struct InferenceRequestReader(IReadOnlyList<OnnxTensor> inputs, IReadOnlyList<OnnxTensor> outputs)
{
    private int _bytes;

    /// <summary>Reads a request.</summary>
    /// <param name="json">The JSON part.</param>
    /// <param name="binary">Binary tensor data that followed it, in the order of the inputs.</param>
    /// <exception cref="InferenceException">The request is not one, or does not fit the model.</exception>
    public InferenceRequest Read(ReadOnlySpan<byte> json, ReadOnlySpan<byte> binary)
    {
        var request = new InferenceRequest();
        _bytes = json.Length + binary.Length;
        try
        {
            var reader = new Utf8JsonReader(json);
            ReadBody(ref reader, ref binary, request);
            if (binary.Length > 0)
            {
                throw InferenceException.Malformed(
                    $"{binary.Length} bytes of binary data are left over; the inputs' binary_data_size add up to less.");
            }
            foreach (var input in inputs)
            {
                if (!request.InputNames.Contains(input.Name)) throw InferenceException.Malformed($"Input {input} is missing.");
            }
            return request;
        }
        catch (Exception e)
        {
            request.Dispose();
            if (e is JsonException syntax) throw InferenceException.Malformed($"The request is not valid JSON: {syntax.Message}");
            throw;
        }
    }

    private void ReadBody(ref Utf8JsonReader reader, ref ReadOnlySpan<byte> binary, InferenceRequest request)
    {
        Json.Begin(ref reader, JsonTokenType.StartObject, "The request");
        while (Json.NextProperty(ref reader))
        {
            if (reader.ValueTextEquals("inputs"u8))
            {
                Json.Begin(ref reader, JsonTokenType.StartArray, "inputs");
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) ReadInput(ref reader, ref binary, request);
            }
            else if (reader.ValueTextEquals("outputs"u8))
            {
                Json.Begin(ref reader, JsonTokenType.StartArray, "outputs");
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) ReadOutput(ref reader, request);
            }
            else if (reader.ValueTextEquals("id"u8))
            {
                request.Id = Json.Text(ref reader, "id");
            }
            else if (reader.ValueTextEquals("parameters"u8))
            {
                request.BinaryOutputs = Parameters.Read(ref reader).BinaryDataOutput ?? false;
            }
            else
            {
                Json.SkipValue(ref reader);
            }
        }
    }

    private readonly void ReadOutput(ref Utf8JsonReader reader, InferenceRequest request)
    {
        Json.Expect(ref reader, JsonTokenType.StartObject, "An entry of outputs");
        string? name = null;
        bool? binary = null;
        while (Json.NextProperty(ref reader))
        {
            if (reader.ValueTextEquals("name"u8)) name = Json.Text(ref reader, "name");
            else if (reader.ValueTextEquals("parameters"u8)) binary = Parameters.Read(ref reader).BinaryData;
            else Json.SkipValue(ref reader);
        }
        if (name is null) throw InferenceException.Malformed("An entry of outputs has no name.");
        if (outputs.All(output => output.Name != name))
            throw InferenceException.Malformed($"The model has no output '{name}'; it has {string.Join(", ", outputs)}.");
        if (request.Outputs.Any(output => output.Name == name)) throw InferenceException.Malformed($"Output '{name}' is asked for twice.");
        request.Outputs.Add(new RequestedOutput(name, binary));
    }

    /// <summary>The parameters that are understood; others are allowed by the protocol and passed over.</summary>
    private readonly record struct Parameters(long? BinaryDataSize, bool? BinaryData, bool? BinaryDataOutput)
    {
        public static Parameters Read(ref Utf8JsonReader reader)
        {
            Json.Begin(ref reader, JsonTokenType.StartObject, "parameters");
            var parameters = default(Parameters);
            while (Json.NextProperty(ref reader))
            {
                if (reader.ValueTextEquals("binary_data_size"u8))
                    parameters = parameters with { BinaryDataSize = Json.Integer(ref reader, "binary_data_size") };
                else if (reader.ValueTextEquals("binary_data"u8))
                    parameters = parameters with { BinaryData = Json.Truth(ref reader, "binary_data") };
                else if (reader.ValueTextEquals("binary_data_output"u8))
                    parameters = parameters with { BinaryDataOutput = Json.Truth(ref reader, "binary_data_output") };
                else Json.SkipValue(ref reader);
            }
            return parameters;
        }
    }
}
