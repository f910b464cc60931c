using Fleet.Agent.Facts;
using Fleet.Contracts.Devices;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>The part that turns settings into options of the session.</summary>
internal sealed partial class OnnxSession
{
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
            default:
                options.AppendExecutionProvider(provider.Replace("ExecutionProvider", "", StringComparison.Ordinal));
                break;
        }
    }

    [LoggerMessage(LogLevel.Information,
        "Execution provider {Provider} is not available on this device (it has {Available}); the next one is used.")]
    private static partial void LogProviderAbsent(ILogger logger, string provider, string available);

    [LoggerMessage(LogLevel.Warning, "Execution provider {Provider} could not be used, the next one is taken: {Reason}")]
    private static partial void LogProviderFailed(ILogger logger, string provider, string reason);
}
