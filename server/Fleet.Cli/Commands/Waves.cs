using System.Globalization;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Cli.Commands;

/// <summary>Waves and shares as a command line spells them.</summary>
internal static class Waves
{
    /// <summary>A release as <c>--and</c> names it: <c>sound=2</c>.</summary>
    public static PlannedRelease ParseRelease(string text, Action<string> fail)
    {
        if (PlannedRelease.Parse(text) is { } release) return release;
        fail($"'{text}' is not a release: write NAME=N, such as sound=2.");
        return new PlannedRelease("", 0);
    }

    /// <summary>Where a rollback goes, as <c>--to</c> names it: <c>2</c>, or <c>sound=2</c> of several models.</summary>
    public static RollbackGoal ParseGoal(string text, Action<string> fail)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var version)) return new RollbackGoal(null, version);
        var release = ParseRelease(text, fail);
        return new RollbackGoal(release.Model, release.Version);
    }

    /// <summary>
    /// Reads <c>5%,25%,100%</c>, numbers of devices: <c>1,10,100%</c>, or filters, whose terms are joined by an ampersand:
    /// <c>label.ring=canary,100%</c>.
    /// </summary>
    public static IReadOnlyList<WavePlan> Parse(string text, Action<string> refuse)
    {
        var waves = new List<WavePlan>();
        foreach (var wave in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (wave.EndsWith('%') && Number(wave[..^1]) is { } percent) waves.Add(new WavePlan { Percent = percent });
            else if (int.TryParse(wave, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                waves.Add(new WavePlan { Count = count });
            else if (wave.Contains('=') && DeviceFilter.TryParse(wave.Replace('&', ','), out _, out _))
                waves.Add(new WavePlan { Filter = wave.Replace('&', ',') });
            else refuse(
                $"Wave '{wave}' is not understood: write a share such as 25%, a number of devices or a filter such as label.ring=canary, "
                    + $"joined by commas: 5%,25%,100%.");
        }
        return waves;
    }

    /// <summary>Reads deadlines: <c>15m</c> for every phase, <c>15m,downloading=2h</c> with another for one.</summary>
    public static PhaseDeadlines ParseDeadlines(string text, Action<string> refuse)
    {
        var deadlines = new PhaseDeadlines(null, []);
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var (name, time) = part.Split('=', 2, StringSplitOptions.TrimEntries) is [var phase, var after] ? (phase, after) : ("", part);
            if (!DurationText.TryParse(time, out var duration)) refuse($"Deadline '{time}' is not understood: write {DurationText.Rule}.");
            else if (name.Length == 0) deadlines = deadlines with { Every = duration };
            else if (!EnumWord.TryParse<DeploymentPhase>(name, out var known))
                refuse($"Phase '{name}' is not understood: write one of preflight, downloading, verifying, validating, activating, "
                    + $"watching.");
            else deadlines = deadlines with { Single = [.. deadlines.Single, new PhaseDeadline(known, duration)] };
        }
        return deadlines;
    }

    /// <summary>Reads a budget: <c>label.site=2</c> devices of a site, or <c>label.site=10%</c> of them.</summary>
    public static DisruptionBudget? ParseBudget(string text, Action<string> refuse)
    {
        const string Prefix = "label.";
        if (text.Split('=', 2, StringSplitOptions.TrimEntries) is [var key, var size] && key.StartsWith(Prefix, StringComparison.Ordinal))
        {
            if (size.EndsWith('%') && Number(size[..^1]) is { } percent)
                return new DisruptionBudget { Label = key[Prefix.Length..], Percent = percent };
            if (int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
                return new DisruptionBudget { Label = key[Prefix.Length..], Count = count };
        }
        refuse($"Budget '{text}' is not understood: write label.NAME and a number or share of devices, such as label.site=2 or "
            + $"label.site=10%.");
        return null;
    }

    /// <summary>Reads a window: <c>02:00-05:00</c>.</summary>
    public static ActivationWindow? ParseWindow(string text, Action<string> refuse)
    {
        if (text.Split('-', 2) is [var from, var to] && Time(from) is { } opens && Time(to) is { } closes)
            return new ActivationWindow(opens, closes);
        refuse($"Window '{text}' is not understood: write two times of day, such as 02:00-05:00.");
        return null;
    }

    private static TimeOnly? Time(string text)
        => TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : null;

    /// <summary>Reads a size: <c>20MB</c>, <c>2GB</c>, <c>500kB</c> or a number of bytes.</summary>
    public static long? ParseBytes(string text, Action<string> refuse)
    {
        (string Unit, long Bytes)[] units = [("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1), ("", 1)];
        var (unit, bytes) = units.First(each => text.EndsWith(each.Unit, StringComparison.OrdinalIgnoreCase));
        if (Number(text[..^unit.Length]) is { } number && number * bytes is >= 1 and < long.MaxValue) return (long)(number * bytes);
        refuse($"Size '{text}' is not understood: write 500kB, 20MB, 2GB or a number of bytes.");
        return null;
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

/// <summary>Where a rollback goes, as a command line gives it.</summary>
/// <param name="Model">Model name; null where a number stands alone, for the one model of a rollout.</param>
/// <param name="Version">Release number.</param>
internal sealed record RollbackGoal(string? Model, int Version)
{
    /// <summary>The release that is meant; null when the number alone does not say of which model.</summary>
    public PlannedRelease? Of(RolloutPlan plan)
        => (Model ?? (plan.Moved() is [var only] ? only.Model : null)) is { } model ? new PlannedRelease(model, Version) : null;
}

/// <summary>Deadlines as a command line gives them.</summary>
/// <param name="Every">For every phase; null for the default.</param>
/// <param name="Single">For single phases.</param>
internal sealed record PhaseDeadlines(TimeSpan? Every, IReadOnlyList<PhaseDeadline> Single);
