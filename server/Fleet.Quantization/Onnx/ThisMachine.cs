using System.Runtime.InteropServices;
using Fleet.Contracts.Devices;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Onnx;

/// <summary>What the worker runs on: latencies are claims about this machine alone.</summary>
internal static class ThisMachine
{
    private const string CpuInfo = "/proc/cpuinfo";

    /// <summary>The facts that decide which profile is this machine's.</summary>
    public static DeviceFacts Facts { get; } = Read(File.Exists(CpuInfo) ? File.ReadAllLines(CpuInfo) : []);

    /// <summary>Name and number of processors, for reports.</summary>
    public static string Description
        => $"{(Facts.Processor.Length > 0 ? Facts.Processor : Facts.Architecture)}, {Facts.LogicalCpus} logical processors";

    /// <summary>The version of ONNX Runtime that computes here.</summary>
    public static string OnnxRuntime => OrtEnv.Instance().GetVersionString();

    /// <summary>Facts from the lines of <c>/proc/cpuinfo</c>.</summary>
    public static DeviceFacts Read(IReadOnlyList<string> lines)
    {
        string Value(params ReadOnlySpan<string> keys)
        {
            foreach (var key in keys)
            {
                if (lines.FirstOrDefault(line => line.StartsWith(key, StringComparison.OrdinalIgnoreCase)
                    && line.Contains(':', StringComparison.Ordinal)) is { } line)
                    return line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
            }
            return "";
        }
        return new DeviceFacts
        {
            Architecture = RuntimeInformation.ProcessArchitecture switch
            {
                Architecture.X64 => "x64",
                Architecture.Arm64 => "arm64",
                var other => other.ToString().ToLowerInvariant(),
            },
            IsaFlags = [.. Value("flags", "Features").Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)],
            Processor = Value("model name", "Model"),
            LogicalCpus = Environment.ProcessorCount,
        };
    }
}
