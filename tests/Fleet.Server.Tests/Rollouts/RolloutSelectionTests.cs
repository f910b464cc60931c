using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Server.Devices;
using Fleet.Server.Rollouts;
using Fleet.Server.Targets;

namespace Fleet.Server.Tests.Rollouts;

/// <summary>An agent is told only of releases that it can judge.</summary>
public sealed class RolloutSelectionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(null)]
    public void Classifier_with_limits_of_protocol_1_goes_to_every_agent(int? protocol)
        => Assert.Empty(RolloutSelection.Of(
            [Release(ModelTask.Classification, new ValidationGate { MinimumAccuracy = 0.9, MaximumMemoryBytes = 1 << 20 })],
            [Target(protocol)]).Excluded);

    [Theory]
    [InlineData(ModelTask.Detection)]
    [InlineData(ModelTask.Regression)]
    [InlineData(ModelTask.Embedding)]
    public void Agent_of_protocol_1_is_left_out_of_a_task_it_does_not_know(ModelTask task)
    {
        var selection = RolloutSelection.Of([Release(task, new ValidationGate())], [Target(1), Target(2, "new-1")]);
        Assert.Equal("new-1", Assert.Single(selection.Members).Value);
        Assert.Equal("The device speaks protocol 1, and the release needs 2: its agent must be updated.",
            Assert.Single(selection.Excluded).Reason);
    }

    [Fact]
    public void Agent_of_protocol_1_is_left_out_where_a_limit_would_mean_nothing_to_it()
    {
        var release = Release(ModelTask.Classification, new ValidationGate { Thresholds = [Threshold.Of(Metric.MacroF1, 0.8)] });
        Assert.Equal(2, release.MinimumProtocol());
        Assert.Empty(RolloutSelection.Of([release], [Target(1)]).Members);
    }

    [Fact]
    public void Device_that_never_reported_is_left_out_of_what_an_old_agent_could_not_judge()
        => Assert.Equal("The device has not reported yet, and the release needs protocol 2.",
            Assert.Single(RolloutSelection.Of([Release(ModelTask.Detection, new ValidationGate())], [Target(null)]).Excluded).Reason);

    private static Candidate Target(int? protocol, string id = "old-1") => new(
        new Device
        {
            Id = DeviceId.Parse(id),
            Facts = new DeviceFacts { Architecture = "x64" },
            Profile = "x64",
            EnrolledAt = DateTimeOffset.UnixEpoch,
            Token = "t",
        }, DeviceDesired.Nothing, protocol);

    private static ReleaseManifest Release(ModelTask task, ValidationGate gate)
    {
        var file = new ArtifactReference("file", new string('a', 64), 1);
        return new ReleaseManifest
        {
            Model = "m",
            Version = 1,
            CreatedAt = DateTimeOffset.UnixEpoch,
            ExpiresAt = DateTimeOffset.MaxValue,
            Inputs = [],
            Outputs = [],
            Task = task,
            ValidationSet = file,
            Variants = [new Variant { Id = "v", Profile = "x64", Scheme = "fp32", Artifact = file, Expected = new Scores(), Gate = gate }],
        };
    }
}
