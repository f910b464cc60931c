namespace Fleet.Quantization.Proof;

/// <summary>
/// What is needed to run the agent on other processors: Debian's qemu in user mode, for arm64 the libraries that its cross compiler
/// brings, and the agent's own program for each architecture. <c>deploy/emulation.sh</c> provides all of it.
/// </summary>
/// <param name="agents">The agent by architecture; null where it was not found.</param>
/// <param name="armLibraries">Folder of the C and C++ libraries for arm64.</param>
/// <param name="find">Finds a program on PATH.</param>
internal sealed class Emulation(IReadOnlyDictionary<string, string?> agents, string armLibraries, Func<string, string?> find)
{
    /// <summary>The command that provides what is missing.</summary>
    public const string Remedy = "deploy/emulation.sh";

    private const string ArmAgentVariable = "FLEET_ARM64_AGENT";
    private const string Agent = "fleet-agent";

    /// <summary>What this machine has.</summary>
    public static Emulation OfThisMachine()
    {
        var folder = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        return new Emulation(new Dictionary<string, string?>
        {
            // Beside this program, in a checkout a sibling of the same configuration (.artifacts/bin/PROJECT/CONFIGURATION), or on PATH.
            ["x64"] = Existing(Path.Combine(folder, Agent),
                Path.Combine(folder, "..", "..", "Fleet.Agent", Path.GetFileName(folder), Agent)) ?? OnPath(Agent),
            ["arm64"] = Environment.GetEnvironmentVariable(ArmAgentVariable) ?? Existing(
                Path.Combine(folder, "emulation", "linux-arm64", Agent),
                Path.Combine(folder, "..", "..", "..", "emulation", "linux-arm64", Agent)),
        }, "/usr/aarch64-linux-gnu/lib", OnPath);
    }

    /// <summary>What is missing to run these processors, a sentence each; empty when all can run.</summary>
    public IReadOnlyList<string> MissingFor(IReadOnlyList<EmulatedProcessor> processors)
    {
        var missing = new List<string>();
        foreach (var emulator in processors.Select(processor => processor.Emulator).Distinct().Where(emulator => find(emulator) is null))
            missing.Add($"{emulator} is not on PATH (Debian package qemu-user-static).");
        if (agents.GetValueOrDefault("x64") is null)
            missing.Add($"{Agent} is neither beside this program nor on PATH: it is what runs the variant.");
        if (processors.Any(processor => processor.Architecture == "arm64"))
        {
            if (agents.GetValueOrDefault("arm64") is not { } agent || !File.Exists(agent))
                missing.Add($"{Agent} for arm64 is not here{(agents.GetValueOrDefault("arm64") is { } said ? $" ({said})" : "")}; an "
                    + $"installed one is named by {ArmAgentVariable}.");
            foreach (var (library, package) in (ReadOnlySpan<(string, string)>)[
                ("libc.so.6", "libc6-arm64-cross"), ("libstdc++.so.6", "libstdc++6-arm64-cross"),
            ])
            {
                if (!File.Exists(Path.Combine(armLibraries, library)))
                    missing.Add($"{library} for arm64 is not in {armLibraries} (Debian package {package}).");
            }
        }
        return missing;
    }

    /// <summary>The command that runs the agent on this machine's own processor.</summary>
    public IReadOnlyList<string> NativeCommand() => [agents["x64"]!];

    /// <summary>The command that runs the agent on an emulated processor.</summary>
    /// <param name="processor">The processor.</param>
    /// <param name="root">A folder where the files are put that the emulated program finds instead of this machine's.</param>
    public IReadOnlyList<string> CommandOf(EmulatedProcessor processor, string root)
    {
        // qemu looks for every absolute path under its -L folder first. What is not there is this machine's.
        Directory.CreateDirectory(Path.Combine(root, "proc"));
        File.WriteAllText(Path.Combine(root, "proc", "cpuinfo"), processor.CpuInfo);
        if (processor.Architecture == "arm64") File.CreateSymbolicLink(Path.Combine(root, "lib"), armLibraries);
        return [find(processor.Emulator)!, "-L", root, "-cpu", processor.Model, agents[processor.Architecture]!];
    }

    private static string? Existing(params IEnumerable<string> places) => places.Select(Path.GetFullPath).FirstOrDefault(File.Exists);

    private static string? OnPath(string program)
        => Existing((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program)));
}
