using System.Globalization;
using System.Threading.Channels;
using Fleet.Agent.Disk;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Link;

/// <summary>
/// What the server has not stored yet: the newest reported state, and telemetry batches as one file each. Files because a file
/// that was flushed and renamed survives any end, and because removing the oldest gives its space back at once.
/// </summary>
/// <remarks>Only sequence numbers and sizes are in memory: an outage of days costs disk up to its bound, and no memory.</remarks>
internal sealed partial class Outbox
{
    private readonly Lock _lock = new();
    private readonly DataFolder _folder;
    private readonly LinkOptions _options;
    private readonly ILogger<Outbox> _logger;
    private readonly SortedDictionary<long, long> _batches = [];
    /// <summary>Holds at most one signal: whoever wakes looks at everything.</summary>
    private readonly Channel<bool> _filled = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private byte[]? _reported;
    private byte[]? _lastReported;
    private long _bytes;
    private long _dropped;

    /// <summary>Finds what was left by an earlier run.</summary>
    public Outbox(DataFolder folder, LinkOptions options, ILogger<Outbox> logger)
    {
        (_folder, _options, _logger) = (folder, options, logger);
        foreach (var file in new DirectoryInfo(folder.Outbox).EnumerateFiles("*.json"))
        {
            if (!long.TryParse(Path.GetFileNameWithoutExtension(file.Name), NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)) continue;
            _batches[sequence] = file.Length;
            _bytes += file.Length;
        }
    }

    /// <summary>Batches that wait.</summary>
    public int Count
    {
        get { lock (_lock) return _batches.Count; }
    }

    /// <summary>Batches dropped since the agent was started because the server could not be reached for too long.</summary>
    public long Dropped
    {
        get { lock (_lock) return _dropped; }
    }

    /// <summary>The largest sequence that waits; 0 when nothing does.</summary>
    public long LargestSequence
    {
        get { lock (_lock) return _batches.Count == 0 ? 0 : _batches.Keys.Last(); }
    }

    /// <summary>Sets the reported state; one that was not sent yet is replaced.</summary>
    public void SetReported(byte[] state)
    {
        lock (_lock) _reported = _lastReported = state;
        Signal();
    }

    /// <summary>On every connect the device says what it has, also when nothing has changed since it last did.</summary>
    public void RepeatReported()
    {
        lock (_lock) _reported = _lastReported;
        Signal();
    }

    /// <summary>Takes the reported state to send it; on failure it goes back by <see cref="ReturnReported"/>.</summary>
    public byte[]? TakeReported()
    {
        lock (_lock)
        {
            var taken = _reported;
            _reported = null;
            return taken;
        }
    }

    /// <summary>Puts a reported state back that did not arrive, unless a newer one waits.</summary>
    public void ReturnReported(byte[] state)
    {
        lock (_lock) _reported ??= state;
        Signal();
    }

    /// <summary>Keeps a telemetry batch until it is acknowledged.</summary>
    public void Add(long sequence, ReadOnlySpan<byte> batch)
    {
        lock (_lock)
        {
            var before = _dropped;
            while (_batches.Count > 0 && (_batches.Count >= _options.MaximumBatches || _bytes + batch.Length > _options.MaximumBytes))
            {
                Remove(_batches.First().Key);
                _dropped++;
            }
            if (_dropped > before) LogDropped(_dropped, _batches.Count, _bytes);
            DurableFile.Write(PathOf(sequence), batch);
            _batches[sequence] = batch.Length;
            _bytes += batch.Length;
        }
        Signal();
    }

    /// <summary>The oldest sequences that are not among <paramref name="inFlight"/>, at most <paramref name="credit"/>.</summary>
    public IReadOnlyList<long> Oldest(IReadOnlyCollection<long> inFlight, int credit)
    {
        lock (_lock) return [.. _batches.Keys.Where(sequence => !inFlight.Contains(sequence)).Take(credit)];
    }

    /// <summary>The bytes of a batch; null when it was dropped meanwhile.</summary>
    public byte[]? Read(long sequence) => DurableFile.Read(PathOf(sequence));

    /// <summary>The server has stored the batch.</summary>
    public void Acknowledge(long sequence)
    {
        lock (_lock) Remove(sequence);
    }

    /// <summary>Waits until there may be something new to send.</summary>
    public async Task FilledAsync(CancellationToken cancellationToken) => await _filled.Reader.ReadAsync(cancellationToken);

    private void Remove(long sequence)
    {
        if (!_batches.Remove(sequence, out var bytes)) return;
        _bytes -= bytes;
        File.Delete(PathOf(sequence));
    }

    private void Signal() => _filled.Writer.TryWrite(true);

    private string PathOf(long sequence) => Path.Combine(_folder.Outbox, sequence.ToString("D19", CultureInfo.InvariantCulture) + ".json");

    [LoggerMessage(LogLevel.Warning, "The outbox is full: {Dropped} of the oldest telemetry batches were dropped since the agent was started; {Count} with {Bytes} bytes wait.")]
    private partial void LogDropped(long dropped, int count, long bytes);
}
