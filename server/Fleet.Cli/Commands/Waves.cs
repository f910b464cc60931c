using System.Globalization;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Commands;

/// <summary>Waves and shares as a command line spells them.</summary>
internal static class Waves
{
    /// <summary>Reads <c>5%,25%,100%</c>, or numbers of devices: <c>1,10,100%</c>.</summary>
    public static IReadOnlyList<WavePlan> Parse(string text, Action<string> refuse)
    {
        var waves = new List<WavePlan>();
        foreach (var wave in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (wave.EndsWith('%') && Number(wave[..^1]) is { } percent) waves.Add(new WavePlan { Percent = percent });
            else if (int.TryParse(wave, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                waves.Add(new WavePlan { Count = count });
            else refuse(
                $"Wave '{wave}' is not understood: write a share such as 25% or a number of devices, joined by commas: 5%,25%,100%.");
        }
        return waves;
    }

    /// <summary>Reads a share: <c>10%</c> or <c>0.1</c>.</summary>
    public static double? ParseShare(string text, Action<string> refuse)
    {
        var share = text.EndsWith('%') ? Number(text[..^1]) / 100 : Number(text);
        if (share is not (>= 0 and <= 1)) refuse($"Share '{text}' is not understood: write 0% to 100%, or 0 to 1.");
        return share;
    }

    private static double? Number(string text)
        => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number : null;
}
