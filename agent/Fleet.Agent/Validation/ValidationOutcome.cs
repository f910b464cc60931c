using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Validation;

/// <summary>What came of validating one variant on this device.</summary>
/// <param name="Scores">What was measured; null when it did not come that far.</param>
/// <param name="Failure"><see cref="DeploymentFailure.None"/> when it was measured and passed its gate.</param>
/// <param name="Detail">The failure in a sentence with its numbers; empty when there is none.</param>
/// <param name="ProcessorTime">Processor time of one inference, all threads together; zero where nothing was timed.</param>
internal sealed record ValidationOutcome(
    Scores? Scores, DeploymentFailure Failure, string Detail, TimeSpan ProcessorTime = default);
