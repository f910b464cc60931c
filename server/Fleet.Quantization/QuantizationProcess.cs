using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization;

/// <summary>What a program does that gives the library a process of its own, as <c>fleet-quantize</c> is.</summary>
public static class QuantizationProcess
{
    /// <summary>
    /// Tells native libraries what they read from the environment, and libc to give memory back; before anything is loaded.
    /// </summary>
    public static void Prepare()
    {
        NativeVariables.Set();
        NativeHeap.ReturnLargeBlocks();
    }

    /// <summary>
    /// Answers the request, hidden among a program's own commands, to measure the peak memory of one model in this process; first thing in
    /// <c>Main</c>, because nothing may be loaded that is not the model's.
    /// </summary>
    /// <returns>The exit code; null when the arguments ask for something else.</returns>
    public static int? MeasuredMemory(IReadOnlyList<string> arguments)
        => arguments is [PeakMemory.Verb, ..] ? PeakMemory.Run([.. arguments.Skip(1)]) : null;

    /// <summary>True when the model asked for more memory than this process may have.</summary>
    public static bool RanOutOfMemory(Exception exception) => exception is OutOfMemoryException || RuntimeRefusal.IsMemory(exception);
}
