using Fleet.Contracts.State;

namespace Fleet.Agent.Shelf;

/// <summary>An artifact could not be fetched. The message goes into the report.</summary>
internal sealed class ArtifactException(DeploymentFailure failure, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>The failure as it is reported.</summary>
    public DeploymentFailure Failure { get; } = failure;
}
