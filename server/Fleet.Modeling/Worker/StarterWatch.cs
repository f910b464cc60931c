using Microsoft.Extensions.Hosting;

namespace Fleet.Modeling.Worker;

/// <summary>
/// Stops a worker whose starter is gone. A server starts its workers with a pipe as standard input; when the server ends in
/// any way, killed included, the pipe closes. A worker started by systemd or in a terminal has no pipe and is not watched.
/// </summary>
internal sealed class StarterWatch(IHostApplicationLifetime lifetime) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (StandardInputIsPipe()) new Thread(WaitForEnd) { Name = "starter watch", IsBackground = true }.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static bool StandardInputIsPipe()
        => OperatingSystem.IsLinux() && new FileInfo("/proc/self/fd/0").LinkTarget?.StartsWith("pipe:", StringComparison.Ordinal) == true;

    private void WaitForEnd()
    {
        using var input = Console.OpenStandardInput();
        Span<byte> ignored = stackalloc byte[256];
        while (input.Read(ignored) > 0) { }
        lifetime.StopApplication();
    }
}
