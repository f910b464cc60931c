using Fleet.Agent.Deployment;
using Fleet.Contracts.State;

namespace Fleet.Agent.Tests.Deployment;

/// <summary>One row for every phase and outcome.</summary>
public sealed class LifecycleTests
{
    [Theory]
    [InlineData(DeploymentPhase.Idle, "Succeeded", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Idle, "Failed", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Idle, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Preflight, "Succeeded", DeploymentPhase.Downloading)]
    [InlineData(DeploymentPhase.Preflight, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Preflight, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Downloading, "Succeeded", DeploymentPhase.Verifying)]
    [InlineData(DeploymentPhase.Downloading, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Downloading, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Verifying, "Succeeded", DeploymentPhase.Validating)]
    [InlineData(DeploymentPhase.Verifying, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Verifying, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Validating, "Succeeded", DeploymentPhase.Holding)]
    [InlineData(DeploymentPhase.Validating, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Validating, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Holding, "Succeeded", DeploymentPhase.Activating)]
    [InlineData(DeploymentPhase.Holding, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Holding, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Activating, "Succeeded", DeploymentPhase.Watching)]
    [InlineData(DeploymentPhase.Activating, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Activating, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Watching, "Succeeded", DeploymentPhase.Active)]
    [InlineData(DeploymentPhase.Watching, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Watching, "Interrupted", DeploymentPhase.Preflight)]
    [InlineData(DeploymentPhase.Active, "Succeeded", DeploymentPhase.Active)]
    [InlineData(DeploymentPhase.Active, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.Active, "Interrupted", DeploymentPhase.Active)]
    [InlineData(DeploymentPhase.RolledBack, "Succeeded", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.RolledBack, "Failed", DeploymentPhase.RolledBack)]
    [InlineData(DeploymentPhase.RolledBack, "Interrupted", DeploymentPhase.RolledBack)]
    public void Phase_is_followed_by(DeploymentPhase phase, string outcome, DeploymentPhase next)
        => Assert.Equal(next, Lifecycle.Next(phase, Enum.Parse<PhaseOutcome>(outcome)));

    [Fact]
    public void Table_has_a_row_for_every_phase_and_outcome()
    {
        foreach (var phase in Enum.GetValues<DeploymentPhase>())
        {
            foreach (var outcome in Enum.GetValues<PhaseOutcome>()) Assert.True(Enum.IsDefined(Lifecycle.Next(phase, outcome)));
        }
    }
}
