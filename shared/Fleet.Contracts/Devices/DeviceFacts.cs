namespace Fleet.Contracts.Devices;

/// <summary>What a device is and can run, as its agent found out by itself.</summary>
public sealed record DeviceFacts
{
    /// <summary><c>x64</c>, <c>arm64</c> or <c>arm</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Instruction set flags as the kernel names them (<c>avx2</c>, <c>avx512_vnni</c>, <c>asimddp</c>), sorted.</summary>
    public IReadOnlyList<string> IsaFlags { get; set; } = [];

    /// <summary>The processor's own name.</summary>
    public string Processor { get; set; } = "";

    /// <summary>Processors the agent may use.</summary>
    public int LogicalCpus { get; init; }

    /// <summary>Memory in bytes.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>Accelerators found (<c>nvidia-tegra</c>, <c>nvidia</c>), empty for none.</summary>
    public IReadOnlyList<string> Accelerators { get; set; } = [];

    /// <summary>ONNX Runtime execution providers the inference host can load.</summary>
    public IReadOnlyList<string> ExecutionProviders { get; set; } = [];

    /// <summary>Operating system, as it names itself.</summary>
    public string OperatingSystem { get; set; } = "";

    /// <summary>Version of the agent program.</summary>
    public string AgentVersion { get; set; } = "";

    /// <summary>
    /// The profile this agent was told to serve, when that was set by hand. It stands above the match rules and lets one
    /// machine play another's part; <see cref="HardwareProfile.Matches"/> tells whether the machine really is of that profile.
    /// </summary>
    public string? DeclaredProfile { get; init; }
}
