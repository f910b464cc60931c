using System.Globalization;
using System.Threading.Channels;
using Fleet.Agent.Disk;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Link;

/// <summary>
/// What the server has not stored yet: the newest reported state, and one file for each telemetry batch. A file that was flushed and
/// renamed survives any end of the agent, and removing the oldest frees its space at once.
/// </summary>
/// <remarks>Memory holds only sequence numbers and sizes: an outage of days fills the disk up to its bound, and no memory.</remarks>
internal sealed partial class Outbox
{
    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private readonly LinkOptions _options;
    private readonly ILogger<Outbox> _logger;
    private readonly SortedDictionary<long, long> _batches = [];
    /// <summary>Holds at most one signal, because the reader looks at everything when it wakes.</summary>
    private readonly Channel<bool> _filled
        = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    /// <summary>True when what waits is to go at once: it was left by an earlier run or connection, or something changed.</summary>
    private bool _flush = true;
    private QueuedReport? _reported;
    private QueuedReport? _lastReported;
    /// <summary>True until the first report of a connection was taken.</summary>
    private bool _proves;
    private long _bytes;
    private long _dropped;

    /// <summary>Finds what an earlier run left.</summary>
    public Outbox(DataFolder folder, LinkOptions options, ILogger<Outbox> logger)
    {
        (_folder, _options, _logger) = (folder, options, logger);
        foreach (var file in new DirectoryInfo(folder.Outbox).EnumerateFiles("*.json"))
        {
            var name = Path.GetFileNameWithoutExtension(file.Name);
            if (!long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)) continue;
            _batches[sequence] = file.Length;
            _bytes += file.Length;
        }
    }

    /// <summary>Batches that wait.</summary>
    public int Count
    {
        get { lock (_lock) return _batches.Count; }
    }

    /// <summary>Batches dropped since the agent started because the server was unreachable for too long.</summary>
    public long Dropped
    {
        get { lock (_lock) return _dropped; }
    }

    /// <summary>The largest sequence number that waits; 0 when nothing does.</summary>
    public long LargestSequence
    {
        get { lock (_lock) return _batches.Count == 0 ? 0 : _batches.Keys.Last(); }
    }

    /// <summary>Sets the reported state; one that was not sent yet is replaced.</summary>
    public void SetReported(QueuedReport state)
    {
        lock (_lock) _reported = _lastReported = state;
        Signal();
    }

    /// <summary>
    /// A connection begins. The last reported state is queued again, even when nothing has changed or it was taken before: a device says
    /// what it has on every connect, and proves it.
    /// </summary>
    public void RepeatReported()
    {
        lock (_lock) (_reported, _proves, _flush) = (_lastReported, true, true);
        Signal();
    }

    /// <summary>What waits goes at once, however little it is.</summary>
    public void Flush()
    {
        lock (_lock) _flush = true;
        Signal();
    }

    /// <summary>
    /// Takes the reported state to send it. One that does not arrive ends the connection, and the next begins with it.
    /// </summary>
    public byte[]? TakeReported()
    {
        lock (_lock)
        {
            if (_reported is not { } taken) return null;
            var proves = _proves;
            (_reported, _proves) = (null, false);
            return proves ? taken.Proving() : taken.State;
        }
    }

    /// <summary>Waits until something new may have to be sent.</summary>
    public async Task FilledAsync(CancellationToken cancellationToken) => await _filled.Reader.ReadAsync(cancellationToken);

    private void Signal() => _filled.Writer.TryWrite(true);
}

/// <summary>A reported state as it is sent.</summary>
/// <param name="State">Its bytes.</param>
/// <param name="Proving">Makes the same with the order that the device accepted, which each connection begins with.</param>
internal sealed record QueuedReport(byte[] State, Func<byte[]> Proving);
