using System.Globalization;

namespace Fleet.Agent.Facts;

/// <summary>Memory the agent may use: the machine's, or what its control group allows when that is less.</summary>
internal static class UsableMemory
{
    /// <summary>Bytes; 0 when the kernel does not say.</summary>
    /// <param name="memoryInformation">Text of <c>/proc/meminfo</c>.</param>
    /// <param name="controlGroups">Text of <c>/proc/self/cgroup</c>.</param>
    /// <param name="text">Reads a file below the root; empty when there is none.</param>
    public static long Of(string memoryInformation, string controlGroups, Func<string, string> text)
    {
        var limits = new List<long>();
        if (BytesOf(memoryInformation, "MemTotal:") is { } total) limits.Add(total);
        // Version 2: every group above counts as well. In a container the own group is shown as the root.
        const string root = "0::/";
        var own = controlGroups.Split('\n').FirstOrDefault(line => line.StartsWith(root, StringComparison.Ordinal))?[root.Length..] ?? "";
        for (var group = own; ; group = Path.GetDirectoryName(group) ?? "")
        {
            Add(Path.Combine("sys/fs/cgroup", group, "memory.max"));
            if (group.Length == 0) break;
        }
        Add("sys/fs/cgroup/memory/memory.limit_in_bytes"); // Version 1.
        return limits.Count == 0 ? 0 : limits.Min();

        void Add(string path)
        {
            if (TryParse(text(path), out var bytes) && bytes > 0) limits.Add(bytes);
        }
    }

    /// <summary>One line of <c>/proc/meminfo</c> in bytes.</summary>
    public static long? BytesOf(string memoryInformation, string key)
    {
        var line = memoryInformation.Split('\n').FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal));
        var number = line?[key.Length..].Replace("kB", "", StringComparison.Ordinal);
        return TryParse(number, out var kibibytes) ? kibibytes * 1024 : null;
    }

    private static bool TryParse(string? text, out long number)
        => long.TryParse(text?.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
