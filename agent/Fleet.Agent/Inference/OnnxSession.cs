using Fleet.Contracts.Devices;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>
/// An ONNX Runtime session created as a variant's <see cref="RuntimeSettings"/> ask, with its tensors described in the words of the
/// Open Inference Protocol. The inference host and the validation process both use it: what is measured is what serves.
/// </summary>
internal sealed partial class OnnxSession : IDisposable
{
    private static readonly RunOptions Options = new();
    private readonly InferenceSession _session;

    private OnnxSession(InferenceSession session)
    {
        _session = session;
        Inputs = Describe("Input", session.InputNames, session.InputMetadata);
        Outputs = Describe("Output", session.OutputNames, session.OutputMetadata);
    }

    /// <summary>Inputs in the order of the graph.</summary>
    public IReadOnlyList<OnnxTensor> Inputs { get; }

    /// <summary>Outputs in the order of the graph.</summary>
    public IReadOnlyList<OnnxTensor> Outputs { get; }

    /// <summary>What the file's metadata holds under a key; null for nothing.</summary>
    public string? Metadata(string key) => _session.ModelMetadata.CustomMetadataMap.GetValueOrDefault(key);

    /// <summary>Loads an ONNX file.</summary>
    /// <exception cref="ModelRefusedException">ONNX Runtime does not take it, or it has inputs or outputs that are not tensors.</exception>
    public static OnnxSession Open(string path, RuntimeSettings runtime, ILogger logger)
    {
        InferenceSession? session = null;
        try
        {
            using var options = OptionsOf(runtime, logger);
            session = new InferenceSession(path, options);
            return new OnnxSession(session);
        }
        catch (Exception e) when (e is OnnxRuntimeException or ModelRefusedException)
        {
            session?.Dispose();
            var file = System.IO.Path.GetFileName(path);
            throw e as ModelRefusedException ?? new ModelRefusedException($"ONNX Runtime refuses {file}: {e.Message}", e);
        }
        catch (TypeInitializationException e)
        {
            throw new ModelRefusedException($"ONNX Runtime's library does not load on this device: {(e.InnerException ?? e).Message}", e);
        }
    }

    /// <summary>Runs the model once. Many may run at the same time.</summary>
    public IDisposableReadOnlyCollection<OrtValue> Run(
        IReadOnlyCollection<string> inputNames, IReadOnlyCollection<OrtValue> inputs, IReadOnlyCollection<string> outputNames)
        => _session.Run(Options, inputNames, inputs, outputNames);

    /// <summary>Runs the model <paramref name="times"/> times on zeros, so that the first real request meets a warm session.</summary>
    /// <exception cref="ModelRefusedException">A model whose shapes are all known cannot run at all.</exception>
    public void WarmUp(int times)
    {
        var inputs = new List<OrtValue>();
        try
        {
            inputs.AddRange(Inputs.Select(input => input.Zeros()));
            string[] inputNames = [.. Inputs.Select(input => input.Name)];
            string[] outputNames = [.. Outputs.Select(output => output.Name)];
            for (var i = 0; i < times; i++) Run(inputNames, inputs, outputNames).Dispose();
        }
        catch (OnnxRuntimeException e)
        {
            // Where an axis beside the batch is free, one may not be an extent that the model can work with: requests will tell.
            if (Inputs.All(input => input.Shape.Skip(1).All(extent => extent >= 0)))
                throw new ModelRefusedException($"The model loads but does not run: {e.Message}", e);
        }
        finally
        {
            foreach (var input in inputs) input.Dispose();
        }
    }

    /// <summary>Frees the session, which must not be running.</summary>
    public void Dispose() => _session.Dispose();

    private static OnnxTensor[] Describe(string kind, IReadOnlyList<string> names, IReadOnlyDictionary<string, NodeMetadata> metadata) =>
    [
        .. names.Select(name => metadata[name] switch
        {
            { IsTensor: false } other
                => throw new ModelRefusedException($"{kind} '{name}' of the model is a {other.OnnxValueType}; only tensors are served."),
            var tensor when Datatypes.NameOf(tensor.ElementDataType) is { } datatype
                => new OnnxTensor(name, tensor.ElementDataType, datatype, [.. tensor.Dimensions.Select(extent => (long)extent)]),
            var tensor => throw new ModelRefusedException(
                $"{kind} '{name}' of the model has elements of type {tensor.ElementDataType}, which the protocol cannot name."),
        }),
    ];
}
