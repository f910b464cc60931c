using System.Globalization;
using Fleet.Agent.Facts;
using Fleet.Contracts.Telemetry;
using Fleet.Platform;

namespace Fleet.Agent.Telemetry;

/// <summary>Reads what the kernel says about the machine. A figure that it does not give is null, never a guess.</summary>
/// <param name="dataFolder">Where models are stored.</param>
/// <param name="root">Where the kernel's files are; another folder in tests.</param>
internal sealed class ResourceReader(string dataFolder, string root = "/")
{
    private (long Busy, long Total)? _last;

    /// <summary>The machine's state now; processor use counts from the last call.</summary>
    /// <param name="children">Processes the agent has started.</param>
    public ResourceStats Read(IEnumerable<int> children)
    {
        var memory = Text("proc/meminfo");
        var total = UsableMemory.BytesOf(memory, "MemTotal:");
        return new ResourceStats
        {
            CpuUsage = CpuUsage(),
            MemoryUsedBytes = total - UsableMemory.BytesOf(memory, "MemAvailable:"),
            AgentMemoryBytes = children.Prepend(Environment.ProcessId).Sum(id => ProcessMemory.Resident(id) ?? 0),
            TemperatureCelsius = Temperature(),
            DiskFreeBytes = DiskSpace.FreeBytes(dataFolder),
        };
    }

    private double? CpuUsage()
    {
        // cpu user nice system idle iowait irq softirq steal guest guest_nice (proc_stat(5)); guest time is part of user time.
        var fields = Text("proc/stat").Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8)
            .Select(field => long.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) ? ticks : 0).ToArray();
        if (fields.Length < 5) return null;
        var total = fields.Sum();
        var now = (Busy: total - fields[3] - fields[4], Total: total);
        var before = _last;
        _last = now;
        if (before is not { } then || now.Total <= then.Total) return null;
        return Math.Clamp((double)(now.Busy - then.Busy) / (now.Total - then.Total), 0, 1);
    }

    private double? Temperature()
    {
        var zones = Path.Combine(root, "sys/class/thermal");
        if (!Directory.Exists(zones)) return null;
        double? hottest = null;
        foreach (var zone in Directory.EnumerateDirectories(zones, "thermal_zone*"))
        {
            // Thousandths of a degree. Zones that are switched off answer nonsense or nothing.
            var text = Text(Path.Combine(zone, "temp")).Trim();
            if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var thousandths)) continue;
            var celsius = thousandths / 1000.0;
            if (celsius is > -60 and < 200 && !(celsius <= hottest)) hottest = celsius;
        }
        return hottest;
    }

    private string Text(string path)
    {
        try { return File.ReadAllText(Path.Combine(root, path)); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return ""; }
    }
}
