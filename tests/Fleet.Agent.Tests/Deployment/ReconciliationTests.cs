using Fleet.Agent.Deployment;
using Fleet.Contracts.Releases;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Tests.Deployment;

public sealed class ReconciliationTests
{
    [Fact]
    public void Unknown_model_begins()
        => Assert.Equal(ModelAction.Begin, Reconciliation.Decide(new ModelJournal { Model = "m" }, "new", 1));

    [Theory]
    [InlineData(DeploymentPhase.Active, "active", 1, 1, "Keep")]
    [InlineData(DeploymentPhase.Active, "active", 1, 2, "Keep")]
    [InlineData(DeploymentPhase.Active, "new", 1, 2, "Begin")]
    [InlineData(DeploymentPhase.RolledBack, "failed", 1, 1, "Keep")]
    [InlineData(DeploymentPhase.RolledBack, "failed", 1, 2, "Begin")]
    [InlineData(DeploymentPhase.RolledBack, "active", 1, 2, "Adopt")]
    [InlineData(DeploymentPhase.Preflight, "failed", 1, 1, "Resume")]
    [InlineData(DeploymentPhase.Downloading, "failed", 1, 1, "Resume")]
    [InlineData(DeploymentPhase.Verifying, "failed", 1, 1, "Resume")]
    [InlineData(DeploymentPhase.Validating, "failed", 1, 1, "Resume")]
    [InlineData(DeploymentPhase.Activating, "failed", 1, 2, "Resume")]
    [InlineData(DeploymentPhase.Watching, "failed", 1, 1, "Resume")]
    [InlineData(DeploymentPhase.Watching, "active", 1, 2, "Adopt")]
    [InlineData(DeploymentPhase.Downloading, "new", 1, 2, "Begin")]
    public void Journal_and_desire_decide(DeploymentPhase phase, string wanted, long known, long revision, string action)
    {
        var journal = new ModelJournal
        {
            Model = "m",
            Active = Serving("active"),
            Last = new JournalEntry
            {
                Revision = known,
                Version = 1,
                Digest = phase == DeploymentPhase.Active ? "active" : "failed",
                Phase = phase,
                Since = DateTimeOffset.UnixEpoch,
            },
        };
        Assert.Equal(Enum.Parse<ModelAction>(action), Reconciliation.Decide(journal, wanted, revision));
    }

    [Fact]
    public void Active_release_that_fell_back_to_another_begins_anew_for_a_new_revision()
    {
        var journal = new ModelJournal
        {
            Model = "m",
            Active = Serving("previous"),
            Last = new JournalEntry
            {
                Revision = 4,
                Version = 2,
                Digest = "fell",
                Phase = DeploymentPhase.RolledBack,
                Since = DateTimeOffset.UnixEpoch,
            },
        };
        Assert.Equal(ModelAction.Keep, Reconciliation.Decide(journal, "fell", 4));
        Assert.Equal(ModelAction.Begin, Reconciliation.Decide(journal, "fell", 5));
    }

    [Theory]
    [InlineData("same", false)]
    [InlineData("other", true)]
    [InlineData("none", true)]
    public void Deployment_gives_way_when_what_it_brings_is_not_wanted_any_more(string wanted, bool givesWay)
    {
        var (same, other) = (Assign("1"), Assign("2"));
        var elsewhere = same with { Model = "another" };
        var desired = new DesiredState
        {
            Revision = 2,
            Assignments = wanted switch { "same" => [elsewhere, same], "other" => [elsewhere, other], _ => [elsewhere] },
        };
        Assert.Equal(givesWay, Reconciliation.GivesWay(new DeploymentGroup(null, [new WantedRelease(same)]), desired));
    }

    [Fact]
    public void Assignments_of_one_group_are_deployed_together_and_the_others_alone()
    {
        var desired = new DesiredState
        {
            Revision = 1,
            Assignments = [Assign("1", "a", "both"), Assign("2", "b"), Assign("3", "c", "both"), Assign("4", "d", "left-alone")],
        };
        var groups = DeploymentGroup.Of(desired);
        Assert.Equal(["a c", "b", "d"], groups.Select(group => string.Join(' ', group.Releases.Select(release => release.Model))));
        Assert.Equal(["both", null, null], groups.Select(group => group.Name));
    }

    [Theory]
    [InlineData("both", "1", "2", false)]
    [InlineData("renamed", "1", "2", false)]
    [InlineData(null, "1", "2", true)]
    [InlineData("both", "1", "3", true)]
    [InlineData("both", "1", null, true)]
    public void Group_on_its_way_goes_on_while_the_same_releases_are_wanted_together(string? group, string a, string? b, bool givesWay)
    {
        var running = new DeploymentGroup(
            "both", [new WantedRelease(Assign("1", "a", "both")), new WantedRelease(Assign("2", "b", "both"))]);
        var desired = new DesiredState
        {
            Revision = 2,
            Assignments = b is null ? [Assign(a, "a", group)] : [Assign(a, "a", group), Assign(b, "b", group)],
        };
        Assert.Equal(givesWay, Reconciliation.GivesWay(running, desired));
    }

    [Theory]
    [InlineData(DeploymentPhase.Active, DeploymentPhase.Active, "Keep Keep")]
    [InlineData(DeploymentPhase.Active, DeploymentPhase.Preflight, "Keep Resume")]
    [InlineData(DeploymentPhase.RolledBack, DeploymentPhase.RolledBack, "Keep Keep")]
    [InlineData(DeploymentPhase.RolledBack, DeploymentPhase.Active, "Keep Keep")]
    [InlineData(DeploymentPhase.RolledBack, DeploymentPhase.Downloading, "Begin Resume")]
    [InlineData(DeploymentPhase.RolledBack, null, "Begin Begin")]
    public void What_is_left_of_a_group_never_goes_on_without_the_rest(DeploymentPhase first, DeploymentPhase? second, string actions)
    {
        WantedRelease[] wanted = [new(Assign("1", "a", "both")), new(Assign("2", "b", "both"))];
        var journals = new Dictionary<string, ModelJournal> { ["a"] = In(wanted[0], first) };
        if (second is { } phase) journals["b"] = In(wanted[1], phase);
        var decided = Reconciliation.Decide(wanted, model => journals.GetValueOrDefault(model) ?? new ModelJournal { Model = model }, 7);
        Assert.Equal(actions, string.Join(' ', decided.Select(each => each.Action)));

        static ModelJournal In(WantedRelease release, DeploymentPhase phase) => new()
        {
            Model = release.Model,
            Active = phase == DeploymentPhase.Active ? Serving(release.Digest) : null,
            Last = new JournalEntry
            {
                Revision = 7,
                Version = 1,
                Digest = release.Digest,
                Phase = phase,
                Since = DateTimeOffset.UnixEpoch,
            },
        };
    }

    [Theory]
    [InlineData(DeploymentPhase.Downloading, DeploymentPhase.Validating, false, "its bytes did not run")]
    [InlineData(DeploymentPhase.Verifying, null, false, "it waited for its turn")]
    [InlineData(DeploymentPhase.Validating, null, true, "it was measured")]
    [InlineData(DeploymentPhase.Activating, DeploymentPhase.Watching, true, "it was switched to")]
    [InlineData(DeploymentPhase.Watching, null, true, "nothing else happened")]
    [InlineData(DeploymentPhase.Watching, DeploymentPhase.Watching, true, "both were watched, either may be the cause")]
    [InlineData(DeploymentPhase.Watching, DeploymentPhase.Downloading, true, "a download runs no release")]
    [InlineData(DeploymentPhase.Watching, DeploymentPhase.Validating, false, "another was measured")]
    [InlineData(DeploymentPhase.Watching, DeploymentPhase.Activating, false, "another was switched to")]
    [InlineData(DeploymentPhase.Active, null, false, "its deployment had ended")]
    public void End_of_the_agent_is_blamed_on_the_release_that_ran(
        DeploymentPhase phase, DeploymentPhase? other, bool blamed, string because)
    {
        var journals = new Dictionary<string, ModelJournal> { ["m"] = In("m", phase), ["served"] = In("served", DeploymentPhase.Active) };
        if (other is { } its) journals["other"] = In("other", its);
        Assert.True(blamed == Reconciliation.MayHaveEndedTheAgent(journals["m"], journals), because);

        static ModelJournal In(string model, DeploymentPhase phase) => new()
        {
            Model = model,
            Last = new JournalEntry { Revision = 1, Version = 1, Digest = "d", Phase = phase, Since = DateTimeOffset.UnixEpoch },
        };
    }

    [Theory]
    [InlineData(-1, true, "it was begun last")]
    [InlineData(0, true, "both were switched to at once")]
    [InlineData(1, false, "the other was begun after it, and it had been measured by then")]
    public void End_of_the_agent_is_blamed_on_the_release_of_a_group_that_was_begun_last(int otherAfter, bool blamed, string because)
    {
        var journals = new Dictionary<string, ModelJournal> { ["m"] = In("m", 0), ["other"] = In("other", otherAfter) };
        Assert.True(blamed == Reconciliation.MayHaveEndedTheAgent(journals["m"], journals), because);

        static ModelJournal In(string model, int after) => new()
        {
            Model = model,
            Last = new JournalEntry
            {
                Revision = 1,
                Version = 1,
                Digest = "d",
                Phase = DeploymentPhase.Validating,
                Since = DateTimeOffset.UnixEpoch.AddSeconds(after),
            },
        };
    }

    private static Assignment Assign(string release, string model = "m", string? group = null) => new()
    {
        Model = model,
        Version = 1,
        Release = new DsseEnvelope { PayloadType = "t", Payload = System.Text.Encoding.ASCII.GetBytes(release), Signatures = [] },
        Group = group,
    };

    private static ServingRelease Serving(string digest) => new()
    {
        Digest = digest,
        Variant = new Variant
        {
            Id = "x64-fp32",
            Profile = "x64",
            Scheme = "fp32",
            Artifact = new ArtifactReference("m.onnx", new string('a', 64), 1),
            Expected = new Scores(),
            Gate = new ValidationGate(),
        },
        Manifest = new ReleaseManifest
        {
            Model = "m",
            Version = 1,
            CreatedAt = DateTimeOffset.UnixEpoch,
            ExpiresAt = DateTimeOffset.UnixEpoch,
            Inputs = [],
            Outputs = [],
            ValidationSet = new ArtifactReference("v.npz", new string('b', 64), 1),
            Variants = [],
        },
    };
}
