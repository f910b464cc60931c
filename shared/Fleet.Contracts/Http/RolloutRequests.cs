using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Http;

/// <summary>GET /api/v1/rollouts: one rollout.</summary>
public sealed record RolloutView
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }
    /// <summary>What was asked.</summary>
    public required RolloutPlan Plan { get; init; }
    /// <summary>Where it stands.</summary>
    public required RolloutStatus Status { get; init; }
    /// <summary>Why it stands there, when it is paused or ended early.</summary>
    public string Reason { get; set; } = "";
    /// <summary>When it began.</summary>
    public DateTimeOffset CreatedAt { get; init; }
    /// <summary>Who started it.</summary>
    public string? StartedBy { get; init; }
    /// <summary>Who approved it.</summary>
    public string? ApprovedBy { get; init; }
    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>Number of the open wave, from 1.</summary>
    public int OpenWave { get; init; }
    /// <summary>The waves.</summary>
    public IReadOnlyList<WaveView> Waves { get; set; } = [];
    /// <summary>Devices that were selected and left out.</summary>
    public IReadOnlyList<RolloutExclusion> Excluded { get; set; } = [];
    /// <summary>The standing target that it moves; null where it moves several, and for rollouts of before there were targets.</summary>
    public string? Target { get; init; }
    /// <summary>The standing targets that it moves, one for each of its releases.</summary>
    public IReadOnlyList<string> Targets { get; set; } = [];
    /// <summary>How far devices that it told are on their way back; null when none was sent back.</summary>
    public ReturnsView? Returns { get; init; }
    /// <summary>Bytes that its devices have fetched for it, repeated downloads included; counted to within seconds.</summary>
    public long Fetched { get; init; }
    /// <summary>Devices that it told and no longer lists one by one, since it ended long ago; the counts of its waves hold them.</summary>
    public int Forgotten { get; init; }
    /// <summary>
    /// The first of its devices, by wave and id; in the list view none. GET /api/v1/rollouts/{id}/devices lists all of them.
    /// </summary>
    public IReadOnlyList<DeviceRolloutView> Devices { get; set; } = [];
    /// <summary>How many devices it has behind those; in the list view 0.</summary>
    public int MoreDevices { get; set; }
}

/// <summary>How one wave stands.</summary>
public sealed record WaveView(
    int Number, int Total, int Waiting, int Running, int Succeeded, int Failed, DateTimeOffset? OpenedAt = null,
    DateTimeOffset? FinishedAt = null, int Left = 0)
{
    /// <summary>What the canary says of it: a finding for each metric, as of the wave's last look.</summary>
    public IReadOnlyList<CanaryFinding> Canary { get; set; } = [];

    /// <summary>Why its next device is not told yet, where a budget holds it; null where nothing does.</summary>
    public string? Held { get; init; }
}

/// <summary>Devices on their way back, by how far they are.</summary>
public sealed record ReturnsView(int SentBack, int Returned, int NotReturned, int Superseded);

/// <summary>One device's way back.</summary>
/// <param name="Status">How far it is.</param>
/// <param name="Failure">Why it could not.</param>
/// <param name="Detail">The same in a sentence.</param>
/// <param name="Version">Where it returns to; null when it served nothing before, and serves nothing again.</param>
public sealed record DeviceReturnView(DeviceReturnStatus Status, DeploymentFailure Failure, string Detail, int? Version = null);

/// <summary>One device's part in a rollout.</summary>
public sealed record DeviceRolloutView(
    DeviceId Device, int Wave, DeviceRolloutStatus Status, DeploymentPhase Phase, DeploymentFailure Failure, string Detail,
    string? Variant = null, Scores? Measured = null, DateTimeOffset? UpdatedAt = null, DeviceReturnView? Return = null)
{
    /// <summary>Each of its models where the rollout moves several; where it moves one, what stands beside is of that one.</summary>
    public IReadOnlyList<DeviceModelView> Models { get; set; } = [];

    /// <summary>Bytes that it has fetched for the rollout.</summary>
    public long Fetched { get; init; }

    /// <summary>The variant as people read it, of several models those of each; null while there is none.</summary>
    public string? VariantInWords()
    {
        var chosen = Models.Where(model => model.Variant is not null).Select(model => $"{model.Model} {model.Variant}");
        return Models.Count == 0 ? Variant : string.Join(", ", chosen) is { Length: > 0 } words ? words : null;
    }

    /// <summary>Where it returns to, as people read it; null while nobody sent it back.</summary>
    public string? ReturnInWords()
    {
        if (Return is not { } way) return null;
        var returning = Models.Where(model => model.ReturnsTo is not null).Select(model => $"{model.Model} {model.ReturnsTo}");
        var where = Models.Count == 0 ? $"{way.Version}" : string.Join(" and ", returning);
        return where.Length > 0 ? $"to {where}" : "to serving nothing";
    }
}

/// <summary>One model of a device in a rollout that moves several.</summary>
/// <param name="Model">Model name.</param>
/// <param name="Version">Release it was told to serve.</param>
/// <param name="Phase">The phase it reported last.</param>
/// <param name="Failure">Why it failed.</param>
/// <param name="Detail">The same in a sentence.</param>
/// <param name="Variant">The variant it chose or tries.</param>
/// <param name="Measured">What it measured.</param>
/// <param name="ReturnsTo">On its way back: the release it returns to; null for serving nothing.</param>
public sealed record DeviceModelView(
    string Model, int Version, DeploymentPhase Phase, DeploymentFailure Failure, string Detail, string? Variant = null,
    Scores? Measured = null, int? ReturnsTo = null);

/// <summary>POST /api/v1/rollouts/preview: what a plan would do now; nothing is changed.</summary>
public sealed record RolloutPreview
{
    /// <summary>The target it would move, or make; the first where it moves several.</summary>
    public required string Target { get; init; }
    /// <summary>The release of that target now; null for none.</summary>
    public int? Before { get; init; }
    /// <summary>Every target it would move, or make.</summary>
    public IReadOnlyList<RolloutPreviewTarget> Targets { get; set; } = [];
    /// <summary>Who would be told, in order.</summary>
    public IReadOnlyList<RolloutPreviewDevice> Devices { get; set; } = [];
    /// <summary>Who would be left out, and why.</summary>
    public IReadOnlyList<RolloutExclusion> Excluded { get; set; } = [];
    /// <summary>Most bytes that all of them would have to fetch.</summary>
    public long Bytes { get; init; }
}

/// <summary>One target in a preview.</summary>
/// <param name="Target">The target it would move, or make.</param>
/// <param name="Model">Its model.</param>
/// <param name="Version">The release it would have.</param>
/// <param name="Before">The release it has now; null for none.</param>
public sealed record RolloutPreviewTarget(string Target, string Model, int Version, int? Before = null);

/// <summary>One device in a preview.</summary>
/// <param name="Device">The device.</param>
/// <param name="Wave">Its wave, from 1; 0 where the waves end before it.</param>
/// <param name="Bytes">Most bytes it would have to fetch: every variant it may try, and the validation set.</param>
/// <param name="Serves">The release it serves now; null for none, and where the plan moves several.</param>
public sealed record RolloutPreviewDevice(DeviceId Device, int Wave, long Bytes, int? Serves = null)
{
    /// <summary>What it serves now of the models that the plan moves.</summary>
    public IReadOnlyList<PlannedRelease> ServesNow { get; set; } = [];
}
