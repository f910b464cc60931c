namespace Fleet.Server.Storage;

/// <summary>Rollups of several periods and models.</summary>
internal static class RollupSet
{
    /// <summary>One rollup for each period and model, in order of time; the periods may be shorter than the one asked for.</summary>
    public static IEnumerable<Rollup> Merge(RollupPeriod period, IEnumerable<Rollup> rollups)
    {
        var merged = new Dictionary<(DateTimeOffset From, string Model), RollupBuilder>();
        foreach (var rollup in rollups)
        {
            var from = RollupBuilder.StartOf(period, rollup.From);
            if (!merged.TryGetValue((from, rollup.Stats.Model), out var builder))
                merged[(from, rollup.Stats.Model)] = builder = new RollupBuilder(from);
            builder.Add(rollup);
        }
        return merged.OrderBy(each => each.Key.From).ThenBy(each => each.Key.Model, StringComparer.Ordinal)
            .Select(each => each.Value.ToRollup());
    }

    /// <summary>The rollups of a pack.</summary>
    public static IEnumerable<Rollup> Read(byte[] pack)
        => TelemetryBlock.Read(pack).SelectMany(entry => TelemetryBlock.Decode(entry.Message)).Select(Rollup.Of);
}
