using System.Globalization;

namespace Fleet.Benchmarks;

/// <summary>Where a figure was measured.</summary>
internal static class Machine
{
    /// <summary>Processor, processors in use and date: what a reader needs to judge a figure by.</summary>
    public static string Describe()
    {
        var processor = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo")
                .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim()
            : null;
        return string.Create(CultureInfo.InvariantCulture,
            $"{processor ?? "an unnamed processor"}, {Environment.ProcessorCount} cores in use, {DateTime.UtcNow:yyyy-MM-dd}");
    }
}
