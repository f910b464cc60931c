using Fleet.Contracts.Devices;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;
using Fleet.Server.Rollouts;

namespace Fleet.Server.Tests.Rollouts;

public sealed class DeviceRolloutRulesTests
{
    private static readonly DateTimeOffset Told = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Now = Told.AddMinutes(3);

    private static DeviceRollout Running => new()
    {
        Rollout = "r",
        Device = DeviceId.Parse("dev-1"),
        Model = "speech",
        Version = 7,
        Wave = 1,
        Revision = 4,
        ToldAt = Told,
        PhaseSince = Told,
        UpdatedAt = Told,
    };

    private static ReportedState Report(
        DeploymentPhase phase, int version = 7, long revision = 4, string model = "speech",
        DeploymentFailure failure = DeploymentFailure.None) => new()
        {
            Revision = revision,
            Facts = new DeviceFacts { Architecture = "x64" },
            Models = [
            new ReportedModel
            {
                Model = model,
                Version = version,
                Phase = phase,
                Since = Told,
                Failure = failure,
                Detail = failure == DeploymentFailure.None ? "" : "it broke",
            },
        ],
        };

    [Theory]
    [InlineData(DeploymentPhase.Idle, DeviceRolloutStatus.Running)]
    [InlineData(DeploymentPhase.Preflight, DeviceRolloutStatus.Running)]
    [InlineData(DeploymentPhase.Downloading, DeviceRolloutStatus.Running)]
    [InlineData(DeploymentPhase.Verifying, DeviceRolloutStatus.Running)]
    [InlineData(DeploymentPhase.Validating, DeviceRolloutStatus.Running)]
    [InlineData(DeploymentPhase.Activating, DeviceRolloutStatus.Running)]
    [InlineData(DeploymentPhase.Watching, DeviceRolloutStatus.Running)]
    [InlineData(DeploymentPhase.Active, DeviceRolloutStatus.Succeeded)]
    [InlineData(DeploymentPhase.RolledBack, DeviceRolloutStatus.Failed)]
    public void Phase_decides_where_the_device_stands(DeploymentPhase phase, DeviceRolloutStatus status)
    {
        var answered = DeviceRolloutRules.Answer(Running, Report(phase), Now);
        Assert.Equal(status, answered.Status);
        Assert.Equal(phase, answered.Phase);
    }

    [Fact]
    public void Every_failure_a_device_names_is_a_failure()
    {
        foreach (var failure in Enum.GetValues<DeploymentFailure>().Where(failure => failure != DeploymentFailure.None))
        {
            var answered = DeviceRolloutRules.Answer(Running, Report(DeploymentPhase.RolledBack, failure: failure), Now);
            Assert.Equal((DeviceRolloutStatus.Failed, failure, "it broke"), (answered.Status, answered.Failure, answered.Detail));
        }
    }

    [Fact]
    public void Report_of_an_older_revision_answers_nothing()
    {
        var current = Running;
        Assert.Same(current, DeviceRolloutRules.Answer(current, Report(DeploymentPhase.Active, revision: 3), Now));
    }

    [Fact]
    public void Report_of_a_newer_revision_answers_as_well()
        => Assert.Equal(DeviceRolloutStatus.Succeeded,
            DeviceRolloutRules.Answer(Running, Report(DeploymentPhase.Active, revision: 9), Now).Status);

    [Theory]
    [InlineData("speech", 6)]
    [InlineData("speech", 8)]
    [InlineData("vision", 7)]
    public void Report_about_another_release_answers_nothing(string model, int version)
    {
        var current = Running;
        Assert.Same(current, DeviceRolloutRules.Answer(current, Report(DeploymentPhase.Active, version, model: model), Now));
    }

    [Fact]
    public void Repeated_report_changes_nothing()
    {
        var once = DeviceRolloutRules.Answer(Running, Report(DeploymentPhase.Downloading), Now);
        Assert.Same(once, DeviceRolloutRules.Answer(once, Report(DeploymentPhase.Downloading), Now.AddMinutes(5)));
    }

    [Fact]
    public void Phase_counts_from_the_moment_the_server_heard_of_it()
    {
        var downloading = DeviceRolloutRules.Answer(Running, Report(DeploymentPhase.Downloading), Now);
        Assert.Equal(Now, downloading.PhaseSince);
        var withVariant = Report(DeploymentPhase.Downloading) with
        {
            Models = [Report(DeploymentPhase.Downloading).Models[0] with { Variant = "x64-int8" }],
        };
        Assert.Equal(Now, DeviceRolloutRules.Answer(downloading, withVariant, Now.AddMinutes(5)).PhaseSince);
    }

    [Theory]
    [InlineData(DeviceRolloutStatus.Succeeded, DeploymentPhase.RolledBack, DeviceRolloutStatus.Failed)] // failed while it was watched
    [InlineData(DeviceRolloutStatus.Failed, DeploymentPhase.Active, DeviceRolloutStatus.Succeeded)] // given up, and came back
    [InlineData(DeviceRolloutStatus.Succeeded, DeploymentPhase.Downloading, DeviceRolloutStatus.Succeeded)]
    [InlineData(DeviceRolloutStatus.Failed, DeploymentPhase.Downloading, DeviceRolloutStatus.Failed)]
    public void Finished_device_changes_only_by_another_end(DeviceRolloutStatus before, DeploymentPhase phase, DeviceRolloutStatus after)
        => Assert.Equal(after, DeviceRolloutRules.Answer(Running with { Status = before }, Report(phase), Now).Status);

    [Fact]
    public void Silence_counts_from_the_phase_or_from_when_the_server_listened_whichever_is_later()
    {
        var deadline = TimeSpan.FromMinutes(15);
        Assert.Equal(Told + deadline, DeviceRolloutRules.SilentAt(Running, deadline, Told.AddHours(-1)));
        Assert.Equal(Told.AddHours(1) + deadline, DeviceRolloutRules.SilentAt(Running, deadline, Told.AddHours(1)));
        Assert.Equal(DateTimeOffset.MaxValue, DeviceRolloutRules.SilentAt(Running, TimeSpan.MaxValue, Told));
    }

    [Theory]
    [InlineData(DeviceRolloutStatus.Succeeded)]
    [InlineData(DeviceRolloutStatus.Failed)]
    public void Finished_device_is_never_silent(DeviceRolloutStatus status)
        => Assert.Null(DeviceRolloutRules.SilentAt(Running with { Status = status }, TimeSpan.FromMinutes(15), Told));

    [Fact]
    public void Silent_device_is_a_failure_that_says_since_when()
    {
        var silent = DeviceRolloutRules.Silence(Running with { Phase = DeploymentPhase.Downloading }, TimeSpan.FromMinutes(15), Now);
        Assert.Equal((DeviceRolloutStatus.Failed, DeploymentFailure.Silent), (silent.Status, silent.Failure));
        Assert.Equal("Nothing new since 2026-11-23 12:00:00Z (phase downloading); the plan allows 00:15:00 a phase.", silent.Detail);
    }
}
