using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Devices;

/// <summary>A named target that variants are made for: which devices belong to it and which numbers its kernels want.</summary>
public sealed record HardwareProfile
{
    /// <summary>Name, as variants and devices carry it.</summary>
    public required string Name { get; init; }

    /// <summary>One sentence for people.</summary>
    public string Description { get; set; } = "";

    /// <summary>When several profiles match, the largest wins: a Jetson is also an arm64 CPU.</summary>
    public int Priority { get; init; }

    /// <summary>Which devices belong here.</summary>
    public required ProfileMatch Match { get; init; }

    /// <summary>Which integer forms this target's kernels run fast.</summary>
    public required NumericRules Numeric { get; init; }

    /// <summary>What the inference host sets for every variant of this profile.</summary>
    public RuntimeSettings Runtime { get; set; } = new();

    /// <summary>True when a device with these facts belongs to this profile. Every rule must hold.</summary>
    public bool Matches(DeviceFacts facts) =>
        Match.Architectures.Contains(facts.Architecture)
        && Match.RequiredIsaFlags.All(facts.IsaFlags.Contains)
        && !Match.ForbiddenIsaFlags.Any(facts.IsaFlags.Contains)
        && (Match.Accelerators.Count == 0 || Match.Accelerators.Any(facts.Accelerators.Contains));

    /// <summary>
    /// The profile a device is served: the one it declares, else the matching one of highest priority, else none.
    /// </summary>
    public static HardwareProfile? For(DeviceFacts facts, IEnumerable<HardwareProfile> profiles) => facts.DeclaredProfile is { } declared
        ? profiles.FirstOrDefault(profile => profile.Name == declared)
        : profiles.Where(profile => profile.Matches(facts)).MaxBy(profile => profile.Priority);
}

/// <summary>Match rules on <see cref="DeviceFacts"/>; all must hold.</summary>
public sealed record ProfileMatch
{
    /// <summary>Architectures, one of which the device has.</summary>
    public required IReadOnlyList<string> Architectures { get; init; }

    /// <summary>Flags the device must have.</summary>
    public IReadOnlyList<string> RequiredIsaFlags { get; set; } = [];

    /// <summary>Flags the device must not have.</summary>
    public IReadOnlyList<string> ForbiddenIsaFlags { get; set; } = [];

    /// <summary>Accelerators, one of which the device has; empty when none is needed.</summary>
    public IReadOnlyList<string> Accelerators { get; set; } = [];
}

/// <summary>The integer and float forms a target's kernels want.</summary>
public sealed record NumericRules
{
    /// <summary><c>uint8</c> or <c>int8</c> activations.</summary>
    public required string Activations { get; init; }

    /// <summary><c>int8</c> or <c>uint8</c> weights.</summary>
    public string Weights { get; set; } = "int8";

    /// <summary>Zero point 0 for activations as well: the only form TensorRT takes.</summary>
    public bool SymmetricActivations { get; init; }

    /// <summary>Bias stays float: TensorRT takes no quantized bias.</summary>
    public bool FloatBias { get; init; }

    /// <summary>An fp16 variant is worth offering.</summary>
    public bool Float16 { get; init; }
}

/// <summary>The profiles that ship with the product.</summary>
public static class BuiltInProfiles
{
    /// <summary>Intel and AMD processors. Unsigned activations, signed weights: the form its kernels fuse.</summary>
    public static readonly HardwareProfile X64 = new()
    {
        Name = "x64",
        Description = "x86-64 processors: int8 with unsigned activations and signed per-channel weights",
        Priority = 10,
        Match = new ProfileMatch { Architectures = ["x64"] },
        Numeric = new NumericRules { Activations = "uint8" },
        // Without VNNI the 8-bit multiply-add saturates and silently costs accuracy; this entry makes the runtime widen the
        // weights. RuntimeSettings.On leaves it out where VNNI is present.
        Runtime = new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["session.x64quantprecision"] = "1" } },
    };

    /// <summary>64-bit Arm processors. Signed on both sides: the fast path of its kernels.</summary>
    public static readonly HardwareProfile ArmCpu = new()
    {
        Name = "arm-cpu",
        Description = "64-bit Arm processors: int8 with signed activations and signed per-channel weights",
        Priority = 10,
        Match = new ProfileMatch { Architectures = ["arm64"] },
        Numeric = new NumericRules { Activations = "int8" },
    };

    /// <summary>NVIDIA Jetson. Symmetric int8 for TensorRT, and fp16.</summary>
    public static readonly HardwareProfile Jetson = new()
    {
        Name = "jetson",
        Description = "NVIDIA Jetson with TensorRT: symmetric int8 with zero point 0, and fp16",
        Priority = 20,
        Match = new ProfileMatch { Architectures = ["arm64"], Accelerators = ["nvidia-tegra"] },
        Numeric = new NumericRules { Activations = "int8", SymmetricActivations = true, FloatBias = true, Float16 = true },
        Runtime = new RuntimeSettings { ExecutionProviders = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"] },
    };

    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<HardwareProfile> All = [X64, ArmCpu, Jetson];

    /// <summary>The profile of that name, or null.</summary>
    public static HardwareProfile? Find(string name) => All.FirstOrDefault(profile => profile.Name == name);
}
