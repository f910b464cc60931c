using System.Security.Cryptography;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Messaging;
using Fleet.Server.Storage;

namespace Fleet.Server.Events;

/// <summary>
/// Tells readers what changed: whatever is committed, and which devices come, go and speak. It keeps no history; a reader that was away is
/// told to read everything again.
/// </summary>
/// <remarks>A change costs one entry of a set for each reader, and nothing more until the reader takes it.</remarks>
internal sealed class ChangeFeed : ICommitObserver, IConnectionObserver
{
    /// <summary>Most readers at once.</summary>
    public const int MaximumReaders = 256;

    /// <summary>Most of them of one caller: nobody takes the places of all others.</summary>
    public const int MaximumReadersOfOne = 64;

    /// <summary>Names of stored types, the kind that a change of them is, and whether their id is its id.</summary>
    private static readonly Dictionary<string, (ChangeKind Kind, bool NamesIt)> Kinds = new(StringComparer.Ordinal)
    {
        ["device"] = (ChangeKind.Device, true),
        ["desired"] = (ChangeKind.Device, true),
        ["reported"] = (ChangeKind.Device, true),
        ["rollout"] = (ChangeKind.Rollout, true),
        ["deviceRollout"] = (ChangeKind.Rollout, true),
        ["fetchedBytes"] = (ChangeKind.Rollout, true),
        ["target"] = (ChangeKind.Target, true),
        ["pin"] = (ChangeKind.Pin, false),
        ["build"] = (ChangeKind.Build, true),
        ["release"] = (ChangeKind.Release, false),
        ["auditHead"] = (ChangeKind.Audit, false),
    };

    private static readonly ChangeView Heard = new(ChangeKind.Telemetry);

    // Another one after each start: a moment of an earlier run says nothing.
    private readonly string _run = RandomNumberGenerator.GetHexString(8, lowercase: true);
    private readonly Lock _lock = new();
    private readonly HashSet<ChangeSubscription> _readers = [];
    private long _changes;

    /// <summary>Now, as a reader names it to say up to when it has read.</summary>
    public string Moment => $"{_run}-{Interlocked.Read(ref _changes)}";

    /// <summary>Begins to collect for one more reader; null when there are as many as there may be.</summary>
    /// <param name="after">Up to when it has read; null when it has read nothing that it would have to read again.</param>
    /// <param name="caller">Who reads; null for nobody in particular.</param>
    public ChangeSubscription? Subscribe(string? after, string? caller = null)
    {
        lock (_lock)
        {
            if (_readers.Count >= MaximumReaders) return null;
            if (caller is not null && _readers.Count(each => each.Caller == caller) >= MaximumReadersOfOne) return null;
            var reader = new ChangeSubscription(this, missed: after is not null && after != Moment) { Caller = caller };
            _readers.Add(reader);
            return reader;
        }
    }

    /// <summary>A reader is gone.</summary>
    public void Leave(ChangeSubscription reader)
    {
        lock (_lock) _readers.Remove(reader);
    }

    /// <inheritdoc/>
    public void Committed(IEnumerable<string> keys)
    {
        foreach (var key in keys)
        {
            var slash = key.IndexOf('/', StringComparison.Ordinal);
            if (Kinds.TryGetValue(key[..slash], out var known))
                Publish(new ChangeView(known.Kind, known.NamesIt ? IdOf(key[(slash + 1)..]) : null));
        }
    }

    /// <inheritdoc/>
    public void Connected(DeviceId device, string? run, Origin from) => Publish(new ChangeView(ChangeKind.Device, device.Value));

    /// <inheritdoc/>
    public void Disconnected(DeviceId device) => Publish(new ChangeView(ChangeKind.Device, device.Value));

    /// <inheritdoc/>
    public void TakenOver(DeviceId device)
    {
        // It is as connected as before.
    }

    /// <inheritdoc/>
    public void Subscribed(DeviceId device, string channel)
    {
        // Nothing that anybody sees.
    }

    /// <inheritdoc/>
    void IConnectionObserver.Heard(DeviceId device) => Publish(Heard);

    /// <summary>What an id begins with: a device's part belongs to its rollout.</summary>
    private static string IdOf(string id) => id.Split('/', 2)[0];

    private void Publish(ChangeView change)
    {
        lock (_lock)
        {
            foreach (var reader in _readers) reader.Add(change);
            // Last: a moment that a reader names includes nothing that it was not given.
            _changes++;
        }
    }
}
