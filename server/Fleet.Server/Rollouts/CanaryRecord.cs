using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Server.Canary;

namespace Fleet.Server.Rollouts;

/// <summary>
/// What the canary has read of one model of a rollout, as it is stored under <see cref="IdOf"/>. What was read once is never read again.
/// </summary>
/// <param name="Evidence">What the devices amount to.</param>
/// <param name="Read">The devices, in the order they were read.</param>
internal sealed record CanaryRecord(CanaryEvidence Evidence, IReadOnlyList<CanaryDevice> Read)
{
    /// <summary>The id for a model: the rollout's own where it moves one.</summary>
    public static string IdOf(Rollout rollout, string model) => rollout.Group() is null ? rollout.Id : $"{rollout.Id}/{model}";
}

/// <summary>A device that was read.</summary>
/// <param name="Device">The device.</param>
/// <param name="Wave">Its wave.</param>
internal sealed record CanaryDevice(DeviceId Device, int Wave);

/// <summary>How a rollout's canary stands at one look.</summary>
/// <param name="Findings">What it says of each metric.</param>
/// <param name="Read">Devices of the open wave that were read; of several models, of the one of which fewest were.</param>
/// <param name="HasIncumbents">False when no member waits for its wave: then it cannot judge.</param>
/// <param name="NextLook">When devices may be read next; null when none will be.</param>
/// <param name="Accepted">Metrics that are judged no more, as findings name them.</param>
internal sealed record CanaryState(
    IReadOnlyList<CanaryFinding> Findings, int Read, bool HasIncumbents, DateTimeOffset? NextLook, IReadOnlyList<string> Accepted)
{
    /// <summary>True when an operator lets the open wave go on although too few of its devices were read.</summary>
    public bool IsWaived { get; init; }

    /// <summary>The strongest finding that stops the rollout; null when none does.</summary>
    public CanaryFinding? Worse => Findings
        .Where(finding => finding.Verdict == CanaryVerdict.Worse && !Accepted.Contains(finding.Subject()))
        .MaxBy(finding => finding.Evidence);

    /// <summary>Metrics that findings call worse.</summary>
    public static IEnumerable<string> WorseIn(IEnumerable<CanaryFinding> findings)
        => findings.Where(finding => finding.Verdict == CanaryVerdict.Worse).Select(finding => finding.Subject());
}
