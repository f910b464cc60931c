using Fleet.Agent.Facts;
using Fleet.Contracts.Devices;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

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

    private static readonly Lazy<IReadOnlyList<string>> IsaFlags = new(() => new FactsReader().IsaFlags());

    private static SessionOptions OptionsOf(RuntimeSettings runtime, ILogger logger)
    {
        // Errors only: models of older exporters draw a warning for each of their weights.
        var options = new SessionOptions
        {
            IntraOpNumThreads = runtime.IntraOpThreads,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Threads that spin while they wait steal the processor from everything else on a small device (medians rose up to threefold).
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
        // A guard against 8-bit products that saturate costs time; where the processor cannot saturate it is left out.
        foreach (var (key, value) in runtime.On(IsaFlags.Value).SessionEntries) options.AddSessionConfigEntry(key, value);

        var available = OrtEnv.Instance().GetAvailableProviders();
        foreach (var provider in runtime.ExecutionProviders.TakeWhile(provider => provider != "CPUExecutionProvider"))
        {
            if (!available.Contains(provider))
            {
                LogProviderAbsent(logger, provider, string.Join(", ", available));
                continue;
            }
            try
            {
                Append(options, provider);
            }
            catch (OnnxRuntimeException e)
            {
                LogProviderFailed(logger, provider, e.Message);
            }
        }
        return options;
    }

    private static void Append(SessionOptions options, string provider)
    {
        switch (provider)
        {
            case "CUDAExecutionProvider":
                options.AppendExecutionProvider_CUDA();
                break;
            case "TensorrtExecutionProvider":
                options.AppendExecutionProvider_Tensorrt();
                break;
            default: options.AppendExecutionProvider(provider.Replace("ExecutionProvider", "", StringComparison.Ordinal)); break;
        }
    }

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

    [LoggerMessage(LogLevel.Information,
        "Execution provider {Provider} is not available on this device (it has {Available}); the next one is used.")]
    private static partial void LogProviderAbsent(ILogger logger, string provider, string available);

    [LoggerMessage(LogLevel.Warning, "Execution provider {Provider} could not be used, the next one is taken: {Reason}")]
    private static partial void LogProviderFailed(ILogger logger, string provider, string reason);
}

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="Element">Element type.</param>
/// <param name="Datatype">Element type as the Open Inference Protocol names it.</param>
/// <param name="Shape">Extents; -1 where any is taken.</param>
internal sealed record OnnxTensor(string Name, TensorElementType Element, string Datatype, long[] Shape)
{
    /// <summary>True when a tensor of <paramref name="shape"/> fits.</summary>
    public bool Takes(ReadOnlySpan<long> shape)
    {
        if (shape.Length != Shape.Length) return false;
        for (var i = 0; i < shape.Length; i++)
        {
            if (Shape[i] >= 0 && Shape[i] != shape[i]) return false;
        }
        return true;
    }

    /// <summary>A tensor of zeros (or empty strings) with 1 for every free extent.</summary>
    public OrtValue Zeros()
    {
        var tensor = Allocate([.. Shape.Select(extent => Math.Max(extent, 1))]);
        if (Element != TensorElementType.String) tensor.GetTensorMutableRawData().Clear();
        return tensor;
    }

    /// <summary>A tensor of <paramref name="shape"/> in ONNX Runtime's memory, not initialized, for the caller to fill.</summary>
    public OrtValue Allocate(long[] shape) => Element == TensorElementType.String
        ? OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape)
        : OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, Element, shape);

    /// <summary>The tensor as messages name it: <c>'x' FP32 [-1,3,96,96]</c>.</summary>
    public override string ToString() => $"'{Name}' {Datatype} [{string.Join(',', Shape)}]";
}

/// <summary>A model that cannot be loaded or run on this device. The message is a sentence for the report.</summary>
internal sealed class ModelRefusedException(string message, Exception? cause = null) : Exception(message, cause);
