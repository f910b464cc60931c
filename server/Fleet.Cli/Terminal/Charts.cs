using Fleet.Contracts.Telemetry;

namespace Fleet.Cli.Terminal;

/// <summary>Small charts of block characters, which look alike on a terminal and in a file.</summary>
internal static class Charts
{
    private const string Levels = "▁▂▃▄▅▆▇█";
    private const string Eighths = " ▏▎▍▌▋▊▉";

    /// <summary>One character a value; more values than <paramref name="width"/> are summed in equal groups first.</summary>
    public static string Sparkline(IReadOnlyList<long> values, int width)
    {
        if (values.Count == 0 || width < 1) return "";
        var group = (values.Count + width - 1) / width;
        var sums = values.Chunk(group).Select(CountSum.Of).ToArray();
        var largest = Math.Max(1, sums.Max());
        // A zero keeps the lowest block: a gap would read as missing data, which it is not.
        return string.Concat(sums.Select(sum => Levels[(int)((Levels.Length - 1) * (sum / (double)largest))]));
    }

    /// <summary>A bar of a share of 0 to 1, fine to an eighth of a character.</summary>
    public static string Bar(double share, int width)
    {
        var eighths = (int)Math.Round(Math.Clamp(share, 0, 1) * width * 8);
        var bar = new string('█', eighths / 8);
        return eighths % 8 == 0 ? bar : bar + Eighths[eighths % 8];
    }
}
