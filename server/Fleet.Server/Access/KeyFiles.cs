using System.Text;
using Fleet.Platform;
using Fleet.Server.Settings;
using Fleet.Server.Storage;

namespace Fleet.Server.Access;

/// <summary>
/// The two keys every server has, in files that only the server's user may read: <c>keys/operator.key</c> and
/// <c>keys/worker.key</c>. They are made at the first start; to change one, delete its file and start the server again.
/// </summary>
internal sealed partial class KeyFiles(
    IFleetStore store, FleetOptions options, TimeProvider time, ILogger<KeyFiles> logger) : IHostedLifecycleService
{
    /// <summary>The file of a role's key.</summary>
    public static string PathOf(FleetOptions options, string role) => Path.Combine(options.DataFolder, "keys", $"{role}.key");

    /// <inheritdoc/>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var role in (string[])[Roles.Operator, Roles.Worker]) await EnsureAsync(role, cancellationToken);
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task EnsureAsync(string role, CancellationToken cancellationToken)
    {
        var path = PathOf(options, role);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            DurableFile.Write(path, Encoding.UTF8.GetBytes(ApiKey.NewText(role) + "\n"));
            LogCreated(role, path);
        }
        if (!ApiKey.TryParse(await File.ReadAllTextAsync(path, cancellationToken), out _, out var secret))
            throw new SettingsException([$"{path} holds no API key. Delete the file: a new key is made at the next start."]);

        var stored = await store.FindAsync<ApiKey>(role, cancellationToken);
        if (stored?.Document.IsProvedBy(secret) == true) return;
        var key = new ApiKey(role, ApiKey.HashOf(secret), time.GetUtcNow());
        await store.CommitAsync([stored?.Change(key) ?? StoreChange.Create(role, key)], cancellationToken);
    }

    [LoggerMessage(LogLevel.Information, "A new {Role} key is in {Path}")]
    private partial void LogCreated(string role, string path);
}
