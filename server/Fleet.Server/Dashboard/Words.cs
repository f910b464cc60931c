using System.Globalization;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Server.Dashboard;

/// <summary>How values are said on the pages.</summary>
internal static class Words
{
    /// <summary>The colour of a phase.</summary>
    public static string ColourOf(DeploymentPhase phase) => phase switch
    {
        DeploymentPhase.Active => "good",
        DeploymentPhase.RolledBack => "bad",
        DeploymentPhase.Idle => "wait",
        _ => "busy",
    };

    /// <summary>The colour of a rollout.</summary>
    public static string ColourOf(RolloutStatus status) => status switch
    {
        RolloutStatus.Succeeded => "good",
        RolloutStatus.Running => "busy",
        RolloutStatus.Paused or RolloutStatus.AwaitingApproval => "wait",
        _ => "bad",
    };

    /// <summary>What is being served and what is being tried.</summary>
    public static string Serving(ReportedModel model) => model.ActiveVersion is { } version
        ? string.Create(CultureInfo.InvariantCulture, $"{model.Model} {version} ({model.ActiveVariant})")
        : $"{model.Model} (none)";

    /// <summary>A share of 1 in percent.</summary>
    public static string Percent(double? share) => share is { } value ? value.ToString("0.0 %", CultureInfo.InvariantCulture) : "–";

    /// <summary>A word as a title begins with it.</summary>
    public static string Capital(string word) => word.Length > 0 ? char.ToUpperInvariant(word[0]) + word[1..] : word;

    /// <summary>A latency.</summary>
    public static string Milliseconds(TimeSpan? time)
        => time is { } value ? value.TotalMilliseconds.ToString("0.00 ms", CultureInfo.InvariantCulture) : "–";

    /// <summary>The three percentiles.</summary>
    public static string Latency(LatencySummary? latency)
        => latency is null ? "–" : $"{Milliseconds(latency.P50)} / {Milliseconds(latency.P95)} / {Milliseconds(latency.P99)}";

    /// <summary>A number with its thousands apart.</summary>
    public static string Count(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Bytes in MiB.</summary>
    public static string Bytes(long? bytes)
        => bytes is { } value ? (value / 1e6).ToString("0 MB", CultureInfo.InvariantCulture) : "–";

    /// <summary>A moment, in UTC.</summary>
    public static string Moment(DateTimeOffset? at)
        => at?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "never";

    /// <summary>A part of a whole as a width, in percent.</summary>
    public static string Width(int part, int whole)
        => whole == 0 ? "0" : (100.0 * part / whole).ToString("0.##", CultureInfo.InvariantCulture);
}
