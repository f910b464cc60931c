using System.Globalization;
using Fleet.Quantization.Onnx;

namespace Fleet.Benchmarks;

/// <summary>Where a figure was measured.</summary>
internal static class Machine
{
    /// <summary>Instructions that decide how fast and how exact products of 8-bit integers are.</summary>
    private static readonly string[] Telling = ["avx2", "avx512f", "avx_vnni", "avx512_vnni", "asimddp", "i8mm"];

    /// <summary>Processor, what it multiplies integers with, processors in use and date: what to judge a figure by.</summary>
    public static string Describe()
    {
        var processor = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo")
                .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            : null;
        var flags = string.Join(", ", Telling.Where(ThisMachine.Facts.IsaFlags.Contains));
        return string.Create(CultureInfo.InvariantCulture,
            $"{processor ?? "an unnamed processor"} ({(flags.Length > 0 ? flags : "none of the instructions for integers")}), "
                + $"{Environment.ProcessorCount} cores in use, {DateTime.UtcNow:yyyy-MM-dd}");
    }
}
