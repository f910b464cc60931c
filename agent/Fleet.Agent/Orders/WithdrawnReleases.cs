using System.Text.Json;
using Fleet.Agent.Disk;
using Fleet.Contracts;
using Fleet.Contracts.Trust;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Orders;

/// <summary>
/// The last <see cref="Most"/> releases that operators withdrew, on disk: while one is among them, no later order brings it back, no
/// restored server, and no file that is carried here.
/// </summary>
internal sealed partial class WithdrawnReleases
{
    /// <summary>How many are remembered; past that those that were heard of first go first.</summary>
    public const int Most = 1024;

    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private volatile IReadOnlyList<WithdrawnRelease> _all = [];

    /// <summary>Reads what an earlier run was told.</summary>
    public WithdrawnReleases(DataFolder folder, ILogger<WithdrawnReleases> logger)
    {
        _folder = folder;
        if (DurableFile.Read(folder.Withdrawn) is not { } content) return;
        try { _all = JsonSerializer.Deserialize(content, WireJson.Default.IReadOnlyListWithdrawnRelease) ?? []; }
        catch (JsonException e) { LogUnreadable(logger, folder.Withdrawn, e.Message); }
    }

    /// <summary>The release of that digest, if it was withdrawn; null if it was not.</summary>
    public WithdrawnRelease? Find(string digest) => _all.FirstOrDefault(release => release.Sha256 == digest);

    /// <summary>
    /// Remembers what an order withdraws, on disk before this returns. A device that had to stop serving a release is not let off by a
    /// later word.
    /// </summary>
    public void Remember(IReadOnlyList<WithdrawnRelease> told)
    {
        lock (_lock)
        {
            var all = _all.ToList();
            foreach (var release in told)
            {
                var known = all.FindIndex(one => one.Sha256 == release.Sha256);
                if (known < 0) all.Add(release);
                else if (!release.KeepServing) all[known] = release;
            }
            if (all.SequenceEqual(_all)) return;
            all = [.. all.TakeLast(Most)];
            DurableFile.Write(_folder.Withdrawn, JsonSerializer.SerializeToUtf8Bytes(all, WireJson.Default.IReadOnlyListWithdrawnRelease));
            _all = all;
        }
    }

    [LoggerMessage(LogLevel.Error, "{Path} cannot be read ({Reason}); the server's next order says again what was withdrawn.")]
    private static partial void LogUnreadable(ILogger logger, string path, string reason);
}
