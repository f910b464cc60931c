using System.Globalization;

namespace Fleet.Agent.Facts;

/// <summary>Memory the agent may use: the machine's, or what its control group allows when that is less.</summary>
internal static class MemoryLimit
{
    /// <summary>Bytes, 0 when nothing says.</summary>
    /// <param name="memoryInformation">Text of <c>/proc/meminfo</c>.</param>
    /// <param name="controlGroups">Text of <c>/proc/self/cgroup</c>.</param>
    /// <param name="text">Reads a file below the root; empty when there is none.</param>
    public static long Of(string memoryInformation, string controlGroups, Func<string, string> text)
    {
        var limits = new List<long>();
        if (Kibibytes(memoryInformation, "MemTotal:") is { } total) limits.Add(total);
        // Version 2: every group above counts as well. In a container the own group is shown as the root.
        var own = controlGroups.Split('\n').FirstOrDefault(line => line.StartsWith("0::/", StringComparison.Ordinal))?["0::/".Length..] ?? "";
        for (var group = own; ; group = Path.GetDirectoryName(group) ?? "")
        {
            Add(Path.Combine("sys/fs/cgroup", group, "memory.max"));
            if (group.Length == 0) break;
        }
        Add("sys/fs/cgroup/memory/memory.limit_in_bytes"); // Version 1.
        return limits.Count == 0 ? 0 : limits.Min();

        void Add(string path)
        {
            if (long.TryParse(text(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes > 0) limits.Add(bytes);
        }
    }

    /// <summary>One line of <c>/proc/meminfo</c> in bytes.</summary>
    public static long? Kibibytes(string memoryInformation, string key)
    {
        var line = memoryInformation.Split('\n').FirstOrDefault(line => line.StartsWith(key, StringComparison.Ordinal));
        return line is not null && long.TryParse(line[key.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var kibibytes)
            ? kibibytes * 1024
            : null;
    }
}
