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
    [InlineData(DeploymentPhase.Preflight, 2, "same", true)]
    [InlineData(DeploymentPhase.Downloading, 2, "same", true)]
    [InlineData(DeploymentPhase.Downloading, 2, "other", true)]
    [InlineData(DeploymentPhase.Downloading, 2, "none", true)]
    [InlineData(DeploymentPhase.Downloading, 1, "same", false)]
    [InlineData(DeploymentPhase.Downloading, 1, "none", false)]
    [InlineData(DeploymentPhase.Validating, 2, "same", false)]
    [InlineData(DeploymentPhase.Validating, 2, "other", true)]
    [InlineData(DeploymentPhase.Watching, 2, "same", false)]
    [InlineData(DeploymentPhase.Watching, 2, "none", true)]
    public void Deployment_gives_way_to_what_is_newer(DeploymentPhase phase, long revision, string wanted, bool givesWay)
    {
        var (same, other) = (Assign("1"), Assign("2"));
        var running = new JournalEntry
        {
            Revision = 1,
            Version = 1,
            Digest = JournalEntry.DigestOf(same),
            Phase = phase,
            Since = DateTimeOffset.UnixEpoch,
        };
        var newer = new DesiredState { Revision = revision, Assignments = wanted switch { "same" => [same], "other" => [other], _ => [] } };
        Assert.Equal(givesWay, Reconciliation.GivesWay(running, 1, "m", newer));

        static Assignment Assign(string release) => new()
        {
            Model = "m",
            Version = 1,
            Release = new DsseEnvelope { PayloadType = "t", Payload = System.Text.Encoding.ASCII.GetBytes(release), Signatures = [] },
        };
    }

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
