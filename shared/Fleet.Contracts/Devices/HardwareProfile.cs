namespace Fleet.Contracts.Devices;

/// <summary>
/// A named target that variants are made for: which devices belong to it, which numbers its kernels want, what a session is
/// created with and what a variant must keep within. It is data: those that ship are files, and people write their own.
/// </summary>
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

    /// <summary>What its variants must keep within; null for nothing.</summary>
    public ProfileBudget? Budget { get; init; }

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

    /// <summary>
    /// The profile whose variants of one release a device takes: the one it declares, else the matching one of highest priority
    /// that the release has variants for. A device of a special profile is thus served by releases made before there was one.
    /// </summary>
    /// <param name="facts">The device.</param>
    /// <param name="profiles">All profiles known, those of the release included.</param>
    /// <param name="offered">Names of the profiles that the release has variants for.</param>
    public static string? Served(DeviceFacts facts, IEnumerable<HardwareProfile> profiles, IReadOnlyCollection<string> offered)
        => facts.DeclaredProfile is { } declared
            ? offered.Contains(declared) ? declared : null
            : profiles.Where(profile => offered.Contains(profile.Name) && profile.Matches(facts)).MaxBy(profile => profile.Priority)?.Name;
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

    /// <summary><c>int8</c> or <c>uint8</c> weights. Unsigned ones do not saturate on x86 without VNNI.</summary>
    public string Weights { get; set; } = "int8";

    /// <summary>Zero point 0 for activations as well: the only form TensorRT takes.</summary>
    public bool SymmetricActivations { get; init; }

    /// <summary>Bias stays float: TensorRT takes no quantized bias.</summary>
    public bool FloatBias { get; init; }

    /// <summary>An fp16 variant is worth offering.</summary>
    public bool Float16 { get; init; }
}

/// <summary>
/// What a variant of a profile must keep within; a figure that is null, or was not measured, limits nothing on the server.
/// </summary>
public sealed record ProfileBudget
{
    /// <summary>Largest file in bytes.</summary>
    public long? MaximumBytes { get; init; }

    /// <summary>Largest p95 of the time of one inference.</summary>
    public TimeSpan? MaximumLatencyP95 { get; init; }

    /// <summary>Largest peak of resident memory in bytes of the process that validates.</summary>
    public long? MaximumMemoryBytes { get; init; }
}
