using System.Reflection;
using System.Runtime.InteropServices;
using Fleet.Contracts.Devices;

namespace Fleet.Agent.Facts;

/// <summary>Finds out what this device is from the kernel's files, without loading ONNX Runtime.</summary>
/// <param name="root">Where the kernel's files are; another folder in tests.</param>
internal sealed class FactsReader(string root = "/")
{
    /// <summary>The version of this program.</summary>
    public static string AgentVersion { get; } =
        typeof(FactsReader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
        ?? "unknown";

    /// <summary>Instruction set flags of the processor, as the kernel names them.</summary>
    public IReadOnlyList<string> IsaFlags() => CpuInfo.Parse(Text("proc/cpuinfo")).Flags;

    /// <summary>The facts, with the profile that was declared by hand.</summary>
    public DeviceFacts Read(string? declaredProfile)
    {
        var cpu = CpuInfo.Parse(Text("proc/cpuinfo"));
        var accelerators = Accelerators();
        return new DeviceFacts
        {
            Architecture = RuntimeInformation.OSArchitecture switch
            {
                Architecture.X64 => "x64",
                Architecture.Arm64 => "arm64",
                Architecture.Arm => "arm",
                var other => other.ToString().ToLowerInvariant(),
            },
            IsaFlags = cpu.Flags,
            Processor = cpu.Name.Length > 0 ? cpu.Name : Text("proc/device-tree/model").TrimEnd('\0', '\n'),
            LogicalCpus = Environment.ProcessorCount, // Counts affinity and the control group's limit.
            MemoryBytes = UsableMemory.Of(Text("proc/meminfo"), Text("proc/self/cgroup"), Text),
            Accelerators = accelerators,
            ExecutionProviders = ExecutionProviders(accelerators),
            OperatingSystem = OperatingSystemName(Text("etc/os-release")),
            AgentVersion = AgentVersion,
            DeclaredProfile = declaredProfile,
        };
    }

    private List<string> Accelerators()
    {
        var found = new List<string>();
        var tegra = Text("proc/device-tree/compatible").Contains("nvidia,tegra", StringComparison.Ordinal)
            || Directory.Exists(At("dev")) && Directory.EnumerateFiles(At("dev"), "nvhost*").Any();
        if (tegra) found.Add("nvidia-tegra");
        else if (File.Exists(At("dev/nvidia0")) || File.Exists(At("proc/driver/nvidia/version"))) found.Add("nvidia");
        return found;
    }

    /// <summary>Always the CPU; with an accelerator, also each provider whose library is beside the program.</summary>
    private static List<string> ExecutionProviders(List<string> accelerators)
    {
        var providers = new List<string>();
        if (accelerators.Count > 0)
        {
            AddIfPresent("tensorrt", "TensorrtExecutionProvider");
            AddIfPresent("cuda", "CUDAExecutionProvider");
        }
        providers.Add("CPUExecutionProvider");
        return providers;

        void AddIfPresent(string library, string provider)
        {
            if (File.Exists(Path.Combine(AppContext.BaseDirectory, $"libonnxruntime_providers_{library}.so"))) providers.Add(provider);
        }
    }

    private static string OperatingSystemName(string release)
    {
        const string key = "PRETTY_NAME=";
        var line = release.Split('\n').FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal));
        return line?[key.Length..].Trim('"', '\r') ?? RuntimeInformation.OSDescription;
    }

    private string At(string path) => Path.Combine(root, path);

    private string Text(string path)
    {
        try { return File.ReadAllText(At(path)); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return ""; }
    }
}
