using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Telemetry;

namespace Fleet.Agent.Link;

/// <summary>Telemetry that waits in the outbox, in packs for a file: the oldest first, as much as there is room for.</summary>
internal sealed class CarriedPacks
{
    private readonly List<byte[]> _packs = [];
    private readonly int _maximumText;
    private int _text;
    private bool _isFull;

    private CarriedPacks(int maximumText) => _maximumText = maximumText;

    /// <summary>The packs.</summary>
    public IReadOnlyList<byte[]> Packs => _packs;

    /// <summary>Batches in them.</summary>
    public int Batches { get; private set; }

    /// <summary>Batches for which there was no room.</summary>
    public int Left { get; private set; }

    /// <summary>Sequence number of the newest batch in them; 0 when there is none.</summary>
    public long Through { get; private set; }

    /// <summary>Packs what waits.</summary>
    /// <param name="outbox">Where it waits. An agent may be sending out of it at the same time: what is gone meanwhile was
    /// delivered.</param>
    /// <param name="maximumText">Characters of all packs in Base64.</param>
    public static CarriedPacks Of(Outbox outbox, int maximumText)
    {
        var packs = new CarriedPacks(maximumText);
        foreach (var sequences in outbox.Waiting().Chunk(Limits.BatchesPerPack))
        {
            if (packs._isFull) packs.Left += sequences.Length;
            else packs.Take([.. sequences.Select(sequence => Read(outbox, sequence)).OfType<TelemetryBatch>()]);
        }
        return packs;
    }

    private void Take(TelemetryBatch[] batches)
    {
        if (batches.Length == 0) return;
        var pack = TelemetryPack.Encode(batches);
        if (batches.Length > 1 && !TelemetryPack.Fits(pack))
        {
            Take(batches[..(batches.Length / 2)]);
            Take(batches[(batches.Length / 2)..]);
            return;
        }
        var text = (pack.Length + 2) / 3 * 4;
        _isFull |= _text + text > _maximumText;
        if (_isFull)
        {
            Left += batches.Length;
            return;
        }
        _packs.Add(pack);
        (_text, Batches, Through) = (_text + text, Batches + batches.Length, batches[^1].Sequence);
    }

    /// <summary>A batch; null when it was delivered or dropped meanwhile, or does not read.</summary>
    private static TelemetryBatch? Read(Outbox outbox, long sequence)
    {
        try
        {
            return outbox.Read(sequence) is { } content ? JsonSerializer.Deserialize(content, WireJson.Default.TelemetryBatch) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
