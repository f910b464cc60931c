using Fleet.Server.Health;
using Fleet.Server.Storage;

namespace Fleet.Server.Artifacts;

/// <summary>
/// Looks, at the start and every hour, whether every artifact that a release names is there and as long as it was: a folder that came
/// back from a backup without them would otherwise be seen by the first device that asks.
/// </summary>
internal sealed partial class ArtifactInventory(
    IFleetStore store, ArtifactStore artifacts, ServerHealth health, TimeProvider time, ILogger<ArtifactInventory> logger)
    : BackgroundService
{
    /// <summary>How often it looks; what is put back is well again within this time.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private const string Subject = "artifacts";

    /// <summary>Looks once.</summary>
    /// <returns>What is wrong, in a sentence; null when all are there.</returns>
    public async Task<string?> LookAsync(CancellationToken cancellationToken)
    {
        var (lost, first) = (0, "");
        await foreach (var published in store.AllAsync<PublishedArtifact>("", cancellationToken))
        {
            if (artifacts.LengthOf(published.Id) == published.Document.Bytes) continue;
            if (lost++ == 0) first = $"{published.Document.Name} ({published.Id[..12]}…)";
        }
        var problem = lost == 0
            ? null
            : $"{lost:#,0} {(lost == 1 ? "artifact" : "artifacts")} of releases {(lost == 1 ? "is" : "are")} missing or cut short, such as "
                + $"{first}: devices that are to run them get nothing. Restore the folder 'artifacts' from the backup of this data folder.";
        if (problem is null) health.Clear(Subject);
        else health.Report(Subject, problem);
        return problem;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                if (await LookAsync(stoppingToken) is { } problem) LogLost(problem);
            }
            catch (StoreException e)
            {
                LogNotLooked(e.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(LogLevel.Error, "{Problem}")]
    private partial void LogLost(string problem);

    [LoggerMessage(LogLevel.Warning, "Artifacts were not looked for: {Reason} The next look is in an hour.")]
    private partial void LogNotLooked(string reason);
}
