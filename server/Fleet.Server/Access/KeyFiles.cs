using System.Text;
using Fleet.Platform;
using Fleet.Server.Http;
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
    /// <summary>Name and file of the first admin's key: what it was called when there was one role.</summary>
    public const string Admin = "operator";

    /// <summary>The file of a key.</summary>
    public static string PathOf(FleetOptions options, string name) => Path.Combine(options.DataFolder, "keys", $"{name}.key");

    /// <inheritdoc/>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        foreach (var role in (string[])[Admin, Roles.Worker]) await EnsureAsync(role, cancellationToken);
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

    private async Task EnsureAsync(string name, CancellationToken cancellationToken)
    {
        var path = PathOf(options, name);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            DurableFile.Write(path, Encoding.UTF8.GetBytes(ApiKey.NewText(name) + "\n"));
            if (name == Admin) LogAdmin(path);
            else LogCreated(name, path);
        }
        if (!ApiKey.TryParse(await File.ReadAllTextAsync(path, cancellationToken), out _, out var secret))
            throw new SettingsException([$"{path} holds no API key. Delete the file: a new key is made at the next start."]);

        var stored = await store.FindAsync<ApiKey>(name, cancellationToken);
        // One that was stored before there were several roles has none yet.
        if (stored?.Document.IsProvedBy(secret) == true && stored.Document.Roles.Count > 0) return;
        var key = new ApiKey(ApiKey.HashOf(secret), time.GetUtcNow()) { Name = name, Roles = [name == Admin ? Roles.Admin : name] };
        await store.CommitAsync([stored?.Change(key) ?? StoreChange.Create(name, key)], cancellationToken);
    }

    [LoggerMessage(LogLevel.Information, "The first admin's API key is in {Path}; 'fleet api-keys create' makes others, with less rights")]
    private partial void LogAdmin(string path);

    [LoggerMessage(LogLevel.Information, "A new {Name} key is in {Path}")]
    private partial void LogCreated(string name, string path);
}
