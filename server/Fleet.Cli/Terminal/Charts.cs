using Fleet.Contracts.Telemetry;

namespace Fleet.Cli.Terminal;

/// <summary>Small charts of block characters, which look alike on a terminal and in a file.</summary>
internal static class Charts
{
    private const string Levels = "▁▂▃▄▅▆▇█";
    private const string Darkness = " ░▒▓█";
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

    /// <summary>One character a value, from the lowest of them to the highest.</summary>
    public static string Line(IReadOnlyList<float> values)
        => string.Concat(Shares(values).Select(share => Levels[(int)Math.Round((Levels.Length - 1) * share)]));

    /// <summary>A picture as lines of shades, two rows a line since a character is twice as high as wide.</summary>
    public static string[] Shades(IReadOnlyList<float> values, int rows, int columns)
    {
        var shares = Shares(values);
        double At(int row, int column) => shares[Math.Min(row, rows - 1) * columns + column];
        char Shade(int line, int column)
            => Darkness[(int)Math.Round((Darkness.Length - 1) * (At(2 * line, column) + At(2 * line + 1, column)) / 2)];
        return [
            .. Enumerable.Range(0, (rows + 1) / 2)
                .Select(line => string.Concat(Enumerable.Range(0, columns).Select(column => Shade(line, column)))),
        ];
    }

    private static double[] Shares(IReadOnlyList<float> values)
    {
        var (least, most) = (values.Min(), values.Max());
        return [.. values.Select(value => most > least ? (value - (double)least) / (most - (double)least) : 0)];
    }

    /// <summary>A bar of a share of 0 to 1, fine to an eighth of a character.</summary>
    public static string Bar(double share, int width)
    {
        var eighths = (int)Math.Round(Math.Clamp(share, 0, 1) * width * 8);
        var bar = new string('█', eighths / 8);
        return eighths % 8 == 0 ? bar : bar + Eighths[eighths % 8];
    }
}
