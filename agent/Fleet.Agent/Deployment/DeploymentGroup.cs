using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>A release that is wanted of a model.</summary>
/// <param name="Assignment">What the server wants.</param>
internal sealed record WantedRelease(Assignment Assignment)
{
    /// <summary>Model name.</summary>
    public string Model => Assignment.Model;

    /// <summary>Which release that is, by <see cref="JournalEntry.DigestOf"/>.</summary>
    public string Digest { get; } = JournalEntry.DigestOf(Assignment);

    /// <summary>The release as log lines name it.</summary>
    public string Name() => $"{Model} {Assignment.Version}";
}

/// <summary>Releases that are switched to together, or none of them is. Most often it is one.</summary>
/// <param name="Name">What the order calls it; null for a release that stands alone.</param>
/// <param name="Releases">One for each model.</param>
internal sealed record DeploymentGroup(string? Name, IReadOnlyList<WantedRelease> Releases)
{
    /// <summary>The groups of a desired state, in the order in which it names them.</summary>
    public static IReadOnlyList<DeploymentGroup> Of(DesiredState desired) =>
    [
        .. desired.Assignments.GroupBy(assignment => (assignment.Group, Alone: assignment.Group is null ? assignment.Model : null))
            .Select(group => new DeploymentGroup(
                group.Count() > 1 ? group.Key.Group : null, [.. group.Select(assignment => new WantedRelease(assignment))])),
    ];

    /// <summary>True when both bring the same releases.</summary>
    public bool Brings(DeploymentGroup other)
        => Releases.Select(IdOf).ToHashSet().SetEquals(other.Releases.Select(IdOf));

    private static (string Model, string Digest) IdOf(WantedRelease release) => (release.Model, release.Digest);
}
