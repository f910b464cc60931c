using System.Text.RegularExpressions;

namespace Fleet.Contracts.Devices;

/// <summary>What a hardware profile must hold to, whoever wrote it.</summary>
public static partial class ProfileRules
{
    /// <summary>Profiles of people's own that one build or release may carry.</summary>
    public const int MaximumProfiles = 16;

    /// <summary>Entries of any list of a profile.</summary>
    private const int MaximumEntries = 32;

    private const int MaximumDescription = 500;
    private const int MaximumEntryLength = 200;
    private const int LargestPriority = 1000;
    private const int MostThreads = 256;

    private static readonly string[] Architectures = ["x64", "arm64", "arm"];
    private static readonly string[] Integers = ["uint8", "int8"];

    /// <summary>Every rule <paramref name="profile"/> breaks, with the key, the value and what is allowed.</summary>
    /// <param name="profile">The profile.</param>
    /// <param name="prefix">What stands before each key, such as <c>quantization.customProfiles[0].</c></param>
    public static IReadOnlyList<string> ProblemsOf(HardwareProfile profile, string prefix = "")
    {
        var problems = new List<string>();
        void Require(bool holds, string problem)
        {
            if (!holds) problems.Add(prefix + problem);
        }
        void Listed(string key, IReadOnlyList<string> values, Regex rule, string what)
            => problems.AddRange(ProblemsOf(values, prefix + key, rule, what));

        Require(Names.IsName(profile.Name), $"name '{profile.Name}' must be {Names.Rule}.");
        Require(BuiltInProfiles.Find(profile.Name) is null, $"name '{profile.Name}' is that of a built-in profile; give yours another.");
        Require(profile.Description.Length <= MaximumDescription,
            $"description has {profile.Description.Length} characters; at most {MaximumDescription} are allowed.");
        Require(profile.Priority is >= 0 and <= LargestPriority, $"priority {profile.Priority} must be within 0..{LargestPriority}.");

        var match = profile.Match;
        Require(match.Architectures.Count > 0, $"match.architectures must name at least one of {string.Join(", ", Architectures)}.");
        foreach (var architecture in match.Architectures.Where(architecture => !Architectures.Contains(architecture)))
            Require(false, $"match.architectures '{architecture}' is not known; it is one of {string.Join(", ", Architectures)}.");
        Listed("match.requiredIsaFlags", match.RequiredIsaFlags, Flag(), "a flag as the kernel names it, such as avx2 or asimddp");
        Listed("match.forbiddenIsaFlags", match.ForbiddenIsaFlags, Flag(), "a flag as the kernel names it, such as avx512_vnni");
        foreach (var flag in match.RequiredIsaFlags.Intersect(match.ForbiddenIsaFlags))
            Require(false, $"match.requiredIsaFlags '{flag}' is forbidden as well: no device could match.");
        Listed("match.accelerators", match.Accelerators, Accelerator(), "the name of an accelerator, such as nvidia-tegra");

        var numeric = profile.Numeric;
        Require(Integers.Contains(numeric.Activations),
            $"numeric.activations '{numeric.Activations}' is not known; it is one of {string.Join(", ", Integers)}.");
        Require(Integers.Contains(numeric.Weights),
            $"numeric.weights '{numeric.Weights}' is not known; it is one of {string.Join(", ", Integers)}.");
        Require(!numeric.SymmetricActivations || (numeric.Activations, numeric.Weights) == ("int8", "int8"),
            "numeric.symmetricActivations true needs int8 activations and int8 weights.");
        Require((numeric.Activations, numeric.Weights) != ("int8", "uint8"),
            "numeric.weights 'uint8' needs uint8 activations: no kernel takes signed ones with them.");

        problems.AddRange(ProblemsOf(profile.Runtime, prefix));

        if (profile.Budget is { } budget)
        {
            Require(budget.MaximumBytes is null or > 0, $"budget.maximumBytes {budget.MaximumBytes} must be above 0.");
            Require(budget.MaximumLatencyP95 is null || budget.MaximumLatencyP95 > TimeSpan.Zero,
                $"budget.maximumLatencyP95 {budget.MaximumLatencyP95} must be above zero.");
            Require(budget.MaximumMemoryBytes is null or > 0, $"budget.maximumMemoryBytes {budget.MaximumMemoryBytes} must be above 0.");
        }
        return problems;
    }

    /// <summary>Every rule that what a session is created with breaks.</summary>
    /// <param name="runtime">The settings, of a profile or beside a file.</param>
    /// <param name="prefix">What stands before each key, such as <c>quantization.customProfiles[0].</c></param>
    public static IReadOnlyList<string> ProblemsOf(RuntimeSettings runtime, string prefix = "")
    {
        var problems = new List<string>();
        void Require(bool holds, string problem)
        {
            if (!holds) problems.Add($"{prefix}runtime.{problem}");
        }
        Require(runtime.ExecutionProviders.Count > 0, "executionProviders must name at least one; CPUExecutionProvider is everywhere.");
        problems.AddRange(ProblemsOf(runtime.ExecutionProviders, $"{prefix}runtime.executionProviders", Provider(),
            "a provider's name, such as CPUExecutionProvider"));
        Require(runtime.IntraOpThreads is >= 0 and <= MostThreads,
            $"intraOpThreads {runtime.IntraOpThreads} must be within 0..{MostThreads}.");
        Require(runtime.SessionEntries.Count <= MaximumEntries,
            $"sessionEntries has {runtime.SessionEntries.Count} entries; at most {MaximumEntries} are allowed.");
        foreach (var (key, value) in runtime.SessionEntries)
            Require(EntryKey().IsMatch(key) && value is { Length: <= MaximumEntryLength },
                $"sessionEntries '{key}' must be a key such as session.x64quantprecision with a value of at most "
                    + $"{MaximumEntryLength} characters.");
        return problems;
    }

    /// <summary>What is wrong with several of them together and each alone.</summary>
    /// <param name="profiles">The profiles.</param>
    /// <param name="key">The key they stand under.</param>
    public static IReadOnlyList<string> ProblemsOf(IReadOnlyList<HardwareProfile> profiles, string key) => profiles.Count > MaximumProfiles
        ? [$"{key} has {profiles.Count} profiles; at most {MaximumProfiles} are allowed."]
        :
        [
            .. profiles.SelectMany((profile, index) => ProblemsOf(profile, $"{key}[{index}].")),
            .. profiles.GroupBy(profile => profile.Name).Where(group => group.Count() > 1)
                .Select(group => $"{key} has {group.Count()} profiles named '{group.Key}'."),
        ];

    private static IEnumerable<string> ProblemsOf(IReadOnlyList<string> values, string key, Regex rule, string what)
    {
        if (values.Count > MaximumEntries) yield return $"{key} has {values.Count} entries; at most {MaximumEntries} are allowed.";
        foreach (var value in values.Where(value => !rule.IsMatch(value))) yield return $"{key} '{value}' must be {what}.";
    }

    [GeneratedRegex("^[a-z0-9_.]{1,32}\\z")]
    private static partial Regex Flag();

    [GeneratedRegex("^[a-z0-9-]{1,64}\\z")]
    private static partial Regex Accelerator();

    [GeneratedRegex("^[A-Za-z0-9]{1,64}\\z")]
    private static partial Regex Provider();

    [GeneratedRegex("^[A-Za-z0-9_.-]{1,128}\\z")]
    private static partial Regex EntryKey();
}
