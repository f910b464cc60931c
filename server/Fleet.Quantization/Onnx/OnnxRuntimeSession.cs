using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx.Protos;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Onnx;

/// <summary>Opens ONNX Runtime sessions the way the worker wants them: quiet, on one thread, without telemetry.</summary>
internal static class OnnxRuntimeSession
{
    /// <summary>No settings beyond the worker's own.</summary>
    public static readonly RuntimeSettings Plain = new();

    /// <summary>The same, and no product of 8-bit integers saturates, whatever this processor is: what a comparison wants.</summary>
    public static readonly RuntimeSettings Exact = Plain.Exact(ThisMachine.Facts.IsaFlags);

    /// <summary>Names the file that the weights of an optimized model are written to.</summary>
    private const string WeightsApart = "session.optimized_model_external_initializers_file_name";

    /// <summary>Folding may make weights larger: of 16 bits 32, of one table two, one of them transposed.</summary>
    private const int GrowthOfFolding = 4;

    static OnnxRuntimeSession() => NativeVariables.Set();

    /// <summary>
    /// Opens a model file. The worker runs everything on the CPU; other providers of <paramref name="runtime"/> are for devices.
    /// </summary>
    /// <param name="path">The model.</param>
    /// <param name="runtime">Threads and session entries; <see cref="Exact"/> when left out.</param>
    /// <exception cref="InvalidDataException">The runtime refuses the model; the message holds its reason.</exception>
    public static InferenceSession Open(string path, RuntimeSettings? runtime = null) => Opened(path, () =>
    {
        using var options = Options(runtime ?? Exact);
        return new InferenceSession(path, options);
    });

    /// <summary>Opens a model from memory.</summary>
    public static InferenceSession Open(byte[] model, string name, RuntimeSettings? runtime = null) => Opened(name, () =>
    {
        using var options = Options(runtime ?? Exact);
        return new InferenceSession(model, options);
    });

    /// <summary>Opens a model from memory, optimized at <paramref name="level"/>.</summary>
    public static InferenceSession Open(byte[] model, string name, GraphOptimizationLevel level) => Opened(name, () =>
    {
        using var options = Options(Exact);
        options.GraphOptimizationLevel = level;
        return new InferenceSession(model, options);
    });

    /// <summary>Opens a model of any size from memory.</summary>
    public static InferenceSession Open(
        ModelProto model, string name, RuntimeSettings? runtime = null, long largest = OnnxFile.MaximumBytes)
        => Open(model, name, runtime ?? Exact, largest, GraphOptimizationLevel.ORT_ENABLE_ALL);

    /// <summary>Opens a model of any size from memory, optimized at <paramref name="level"/>.</summary>
    public static InferenceSession Open(ModelProto model, string name, GraphOptimizationLevel level)
        => Open(model, name, Exact, OnnxFile.MaximumBytes, level);

    /// <summary>
    /// Writes the model as the runtime optimizes it at <paramref name="level"/>, with its weights in a file beside it where they may be too
    /// many for one.
    /// </summary>
    public static void SaveOptimized(
        string path, string optimizedPath, GraphOptimizationLevel level, RuntimeSettings? runtime = null, string? name = null,
        long largest = OnnxFile.MaximumBytes)
        => Opened(name ?? path, () =>
        {
            using var options = Options(runtime ?? Plain);
            options.GraphOptimizationLevel = level;
            options.OptimizedModelFilePath = optimizedPath;
            if (OnnxFile.BytesOf(path) > largest / GrowthOfFolding)
                options.AddSessionConfigEntry(WeightsApart, Path.GetFileName(OnnxFile.DataPathOf(optimizedPath)));
            return new InferenceSession(path, options);
        }).Dispose();

    private static InferenceSession Open(
        ModelProto model, string name, RuntimeSettings runtime, long largest, GraphOptimizationLevel level) => Opened(name, () =>
    {
        using var options = Options(runtime);
        options.GraphOptimizationLevel = level;
        var (apart, folder) = MappedWeights.Of(model);
        if (!OnnxFile.Fits(apart, largest)) return FromFile(model, largest, path => new InferenceSession(path, options));
        if (folder is not null) options.AddSessionConfigEntry(MappedWeights.FolderEntry, folder);
        return new InferenceSession(apart.ToByteArray(), options);
    });

    /// <summary>The runtime takes no more from memory than one array holds; of what it has opened it needs no file any more.</summary>
    private static InferenceSession FromFile(ModelProto model, long largest, Func<string, InferenceSession> open)
    {
        var folder = Directory.CreateTempSubdirectory("fleet-model-").FullName;
        try
        {
            var path = Path.Combine(folder, "model.onnx");
            OnnxFile.Save(model, path, largest);
            return open(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static SessionOptions Options(RuntimeSettings runtime)
    {
        var options = new SessionOptions
        {
            IntraOpNumThreads = Math.Max(1, runtime.IntraOpThreads),
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL,
        };
        // A thread that spins while it waits starves the rest of a shared machine and makes latency jump.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        foreach (var (key, value) in runtime.SessionEntries) options.AddSessionConfigEntry(key, value);
        return options;
    }

    private static InferenceSession Opened(string name, Func<InferenceSession> open)
    {
        try
        {
            return open();
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidDataException($"ONNX Runtime refuses {Path.GetFileName(name)}: {RuntimeRefusal.Of(e)}", e);
        }
    }
}
