using LiteDB;

namespace Fleet.Server.Storage;

/// <summary>
/// When each model was last served by a device, or by all: tells without a look at the disk whose rollups can hold what is asked
/// for. At most <see cref="MaximumModels"/> are told apart; beyond, the oldest count as any model at all.
/// </summary>
/// <param name="anyUntil">Until then any model may have been served, as ticks, or <see cref="AllKnown"/>.</param>
internal sealed class ModelTimes(long anyUntil)
{
    /// <summary>Models told apart.</summary>
    public const int MaximumModels = 256;

    /// <summary>No model was served that is not told.</summary>
    public const long AllKnown = -1;

    // No model has this name.
    private const string Any = "";

    private readonly Dictionary<string, long> _newest = [];
    private long _anyUntil = anyUntil;

    /// <summary>Reads what <see cref="ToRow"/> wrote.</summary>
    public static ModelTimes Of(BsonDocument row)
    {
        var times = new ModelTimes(AllKnown);
        foreach (var (model, newest) in row)
        {
            if (model == Any) times._anyUntil = newest.AsInt64;
            else times._newest[model] = newest.AsInt64;
        }
        return times;
    }

    /// <summary>A model served until <paramref name="to"/>, as ticks.</summary>
    public void Add(string model, long to)
    {
        _newest[model] = Math.Max(_newest.GetValueOrDefault(model), to);
        if (_newest.Count <= MaximumModels) return;
        var oldest = _newest.MinBy(each => each.Value);
        _newest.Remove(oldest.Key);
        _anyUntil = Math.Max(_anyUntil, oldest.Value);
    }

    /// <summary>
    /// False when <paramref name="model"/>, or any at all where it is null, was not served since <paramref name="first"/>.
    /// </summary>
    public bool MayHoldSince(string? model, DateTimeOffset first)
        => _anyUntil >= first.UtcTicks
            || (model is null ? _newest.Values.Any(to => to >= first.UtcTicks) : _newest.GetValueOrDefault(model, -1) >= first.UtcTicks);

    /// <summary>As it is stored.</summary>
    public BsonDocument ToRow()
    {
        var row = new BsonDocument();
        if (_anyUntil != AllKnown) row[Any] = _anyUntil;
        foreach (var (model, to) in _newest) row[model] = to;
        return row;
    }
}
