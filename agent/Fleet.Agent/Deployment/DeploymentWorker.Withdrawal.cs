using Fleet.Agent.Orders;
using Fleet.Contracts.State;

namespace Fleet.Agent.Deployment;

/// <summary>The part that heeds withdrawals.</summary>
internal sealed partial class DeploymentWorker
{
    /// <summary>
    /// Remembers what an order withdraws and takes it out of service, before anything else of the order is acted on. A deployment of the
    /// same model stops for it and goes on afterwards, if it is still wanted.
    /// </summary>
    private async Task HeedWithdrawalsAsync(DesiredState desired, CancellationToken cancellationToken)
    {
        withdrawn.Remember(desired.Withdrawn());
        var models = serving.HoldingWithdrawn().Select(journal => journal.Model).ToHashSet(StringComparer.Ordinal);
        if (models.Count == 0) return;
        await EndAsync([.. _running.Where(one => one.Models.Any(models.Contains))]);
        await serving.TakeOutAsync(_stopped, cancellationToken);
        _stopped.Clear();
    }
}
