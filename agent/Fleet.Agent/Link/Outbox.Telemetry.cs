using System.Globalization;
using Fleet.Platform;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Link;

/// <summary>The part that keeps telemetry until the server has stored it.</summary>
internal sealed partial class Outbox
{
    /// <summary>Keeps a telemetry batch until it is acknowledged.</summary>
    /// <param name="sequence">Its number.</param>
    /// <param name="batch">Its bytes.</param>
    /// <param name="urgent">False when it may wait for others to share a message with.</param>
    public void Add(long sequence, ReadOnlySpan<byte> batch, bool urgent = true)
    {
        lock (_lock)
        {
            _flush |= urgent;
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

    /// <summary>The batches to send next in one message, oldest first; none while those that wait have no hurry and are too few.</summary>
    public IReadOnlyList<long> NextPack(IReadOnlyCollection<long> inFlight)
    {
        lock (_lock)
        {
            long[] waiting = [.. _batches.Keys.Where(sequence => !inFlight.Contains(sequence)).Take(_options.PackSize)];
            if (waiting.Length == _options.PackSize) return waiting;
            if (!_flush) return [];
            _flush = false;
            return waiting;
        }
    }

    /// <summary>The bytes of a batch; null when it has been dropped.</summary>
    public byte[]? Read(long sequence) => DurableFile.Read(PathOf(sequence));

    /// <summary>Forgets a batch that the server has stored.</summary>
    public void Acknowledge(long sequence)
    {
        lock (_lock) Remove(sequence);
    }

    /// <summary>Forgets the batches up to a number: the server has stored them, however they came to it.</summary>
    /// <returns>How many there were.</returns>
    public int AcknowledgeThrough(long through)
    {
        lock (_lock)
        {
            long[] stored = [.. _batches.Keys.TakeWhile(sequence => sequence <= through)];
            foreach (var sequence in stored) Remove(sequence);
            return stored.Length;
        }
    }

    /// <summary>The batches that wait, the oldest first.</summary>
    public IReadOnlyList<long> Waiting()
    {
        lock (_lock) return [.. _batches.Keys];
    }

    private void Remove(long sequence)
    {
        if (!_batches.Remove(sequence, out var bytes)) return;
        _bytes -= bytes;
        File.Delete(PathOf(sequence));
    }

    private string PathOf(long sequence) => Path.Combine(_folder.Outbox, sequence.ToString("D19", CultureInfo.InvariantCulture) + ".json");

    [LoggerMessage(LogLevel.Warning,
        "The outbox is full: {Dropped:N0} telemetry batches were dropped since the agent started, the oldest first; "
        + "{Count:N0} with {Bytes:N0} bytes wait.")]
    private partial void LogDropped(long dropped, int count, long bytes);
}
