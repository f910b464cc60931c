using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>An inference request, its tensors already in ONNX Runtime's memory.</summary>
internal sealed class InferenceRequest : IDisposable
{
    /// <summary>What the client calls it; given back.</summary>
    public string? Id { get; set; }

    /// <summary>Names of the inputs, in the order of <see cref="Values"/>.</summary>
    public List<string> InputNames { get; } = [];

    /// <summary>The inputs.</summary>
    public List<OrtValue> Values { get; } = [];

    /// <summary>Outputs to answer with; all when the client named none.</summary>
    public List<RequestedOutput> Outputs { get; } = [];

    /// <summary>Whether outputs that do not say otherwise are answered as binary data.</summary>
    public bool BinaryOutputs { get; set; }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        foreach (var value in Values) value.Dispose();
    }
}

/// <summary>An output the client asked for.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Binary">As binary data after the JSON, or in it; null as the request says for all.</param>
internal readonly record struct RequestedOutput(string Name, bool? Binary);
