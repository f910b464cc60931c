using Microsoft.Extensions.Hosting;

namespace Fleet.Modeling.Worker;

/// <summary>
/// Leaves signals to the program, which cancels the token that the host runs with. The host's own lifetime would swallow every signal,
/// the second Ctrl+C included.
/// </summary>
internal sealed class StopLifetime : IHostLifetime
{
    /// <inheritdoc/>
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
