namespace Fleet.Agent.Facts;

/// <summary>What <c>/proc/cpuinfo</c> says: <c>flags</c> on x86, <c>Features</c> on Arm.</summary>
/// <param name="Name">The processor's name; empty where the kernel gives none, as on most Arm boards.</param>
/// <param name="Flags">Instruction set flags that every processor has, sorted.</param>
internal sealed record CpuInfo(string Name, IReadOnlyList<string> Flags)
{
    /// <summary>Reads the file. Of processors that differ (big and little cores) only what all of them can is kept.</summary>
    public static CpuInfo Parse(string text)
    {
        var name = "";
        HashSet<string>? common = null;
        foreach (var line in text.Split('\n'))
        {
            if (line.IndexOf(':') is not (> 0 and var colon)) continue;
            var value = line[(colon + 1)..].Trim();
            switch (line[..colon].Trim())
            {
                case "model name" when name.Length == 0:
                    name = value;
                    break;
                case "flags" or "Features":
                    var flags = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                    if (common is null) common = [.. flags];
                    else common.IntersectWith(flags);
                    break;
            }
        }
        return new CpuInfo(name, [.. (common ?? []).Order(StringComparer.Ordinal)]);
    }
}
