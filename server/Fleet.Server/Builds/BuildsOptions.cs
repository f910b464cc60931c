using System.ComponentModel;
using Fleet.Server.Settings;

namespace Fleet.Server.Builds;

/// <summary>Settings of the build queue and of the workers of this machine, section <c>Fleet:Builds</c>.</summary>
internal sealed record BuildsOptions : IRoomSettings
{
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    string IRoomSettings.Section => "Fleet:Builds";

    [Description("How long a worker may be silent before its build goes to another.")]
    public TimeSpan LeaseTime { get; init; } = TimeSpan.FromMinutes(1);

    [Description("Leases a build gets before it is given up: one that kills its worker this often will do so again.")]
    public int MaximumAttempts { get; init; } = 3;

    [Description("Builds that may wait or run at once; past it a new one is refused.")]
    public int MaximumOpenBuilds { get; init; } = 1000;

    [Description("Path of the worker program. Unset, it is looked for beside the server and on PATH.")]
    public string? WorkerProgram { get; init; }

    [Description("How long to wait before a local worker that ended is started again; doubled each time.")]
    public TimeSpan WorkerRestartDelay { get; init; } = TimeSpan.FromSeconds(1);

    [Description("The longest of these waits. A worker that ran for longer than this is started again after the shortest.")]
    public TimeSpan WorkerMaximumRestartDelay { get; init; } = TimeSpan.FromMinutes(1);

    [Description("How long a local worker may take to stop before it is killed. It has nothing to save: its build is leased again.")]
    public TimeSpan WorkerStopTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How soon a worker is told to send progress: two messages may get lost before the lease lapses.</summary>
    public TimeSpan RenewWithin => LeaseTime / 3;

    /// <inheritdoc/>
    public IRoomSettings WithWholePaths()
        // A name without a folder is looked for on PATH by the system.
        => WorkerProgram is { } program && program.Contains(Path.DirectorySeparatorChar)
            ? this with { WorkerProgram = Path.GetFullPath(program) }
            : this;

    /// <inheritdoc/>
    public IReadOnlyList<string> Problems()
    {
        var rules = new SettingsRules("Fleet:Builds");
        rules.Within(nameof(LeaseTime), LeaseTime, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));
        rules.Within(nameof(MaximumAttempts), MaximumAttempts, 1, 100);
        rules.Within(nameof(MaximumOpenBuilds), MaximumOpenBuilds, 1, 10_000);
        rules.Within(nameof(WorkerRestartDelay), WorkerRestartDelay, Shortest, TimeSpan.FromHours(1));
        rules.Within(nameof(WorkerMaximumRestartDelay), WorkerMaximumRestartDelay, Shortest, TimeSpan.FromDays(1));
        rules.Within(nameof(WorkerStopTime), WorkerStopTime, Shortest, TimeSpan.FromMinutes(1));
        return rules.Problems;
    }
}
