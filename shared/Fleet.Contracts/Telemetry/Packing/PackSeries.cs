namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>One variant in a pack: a column for each figure of it.</summary>
internal static class PackSeries
{
    private const int Fields = 10;
    private const int LastClass = 65_535;
    private const int LastTenth = 9;

    public static void Write(
        CborWriter writer, (string Model, int Version, string Variant) key, IReadOnlyList<InferenceStats?> stats)
    {
        writer.Array(Fields);
        writer.Text(key.Model);
        writer.Integer(key.Version);
        writer.Text(key.Variant);
        // What did not serve in an interval has no entry there; what served has one even where it answered nothing.
        Columns.Write(writer, [.. stats.Select(one => one is null ? 0 : one.Count + 1)]);
        Columns.Write(writer, [.. stats.Select(one => one?.Errors ?? 0)]);
        long[] answered = [.. stats.Select(one => one?.Count ?? 0)];
        Columns.Write(writer, [
            .. stats.Select(one => one is null
                ? new Dictionary<int, long>()
                : one.Latency.Buckets.Zip(one.Latency.Counts).ToDictionary(cell => cell.First, cell => cell.Second)),
        ], answered);
        writer.Integer(stats.Max(one => one?.Classes.Count ?? 0));
        Columns.Write(writer, [.. stats.Select(one => Cells(one?.Classes))], answered);
        Columns.Write(writer, [.. stats.Select(one => Cells(one?.Confidence))], answered);
        PackValues.Write(writer, stats);
    }

    public static void Read(ref CborReader reader, List<InferenceStats>[] models, ref PackBudget budget)
    {
        reader.Array("A series", Fields);
        var (model, version, variant) = (
            reader.Text(Limits.NameLength), (int)reader.Integer(0, int.MaxValue), reader.Text(Limits.NameLength));
        var batches = models.Length;
        var counts = Columns.Read(ref reader, batches, LatencyHistogram.MaximumCount);
        var errors = Columns.Read(ref reader, batches, LatencyHistogram.MaximumCount);
        long[] answered = [.. counts.Select(count => Math.Max(0, count - 1))];
        var latency = Columns.ReadMatrix(ref reader, answered, LatencyHistogram.LastBucket, ref budget.Columns);
        var classCount = (int)reader.Integer(0, LastClass + 1);
        if ((budget.ClassCounts -= (long)classCount * counts.Count(count => count > 0)) < 0)
            throw new FormatException($"Its batches hold more than {Columns.MostClassCounts} counts of classes.");
        var classes = Columns.ReadMatrix(ref reader, answered, LastClass, ref budget.Columns);
        var confidence = Columns.ReadMatrix(ref reader, answered, LastTenth, ref budget.Columns);
        var values = PackValues.Read(ref reader, batches);
        for (var i = 0; i < batches; i++)
        {
            if (counts[i] == 0) continue;
            models[i].Add(new InferenceStats
            {
                Model = model,
                Version = version,
                Variant = variant,
                Count = counts[i] - 1,
                Errors = errors[i],
                Latency = new LatencyHistogram { Buckets = [.. latency[i].Keys], Counts = [.. latency[i].Values] },
                Classes = List(classes[i], classCount),
                Confidence = List(confidence[i], classCount > 0 || confidence[i].Count > 0 ? LastTenth + 1 : 0),
                Values = values[i].Values,
                Boxes = values[i].Boxes,
            });
        }
    }

    private static Dictionary<int, long> Cells(IReadOnlyList<long>? counts)
        => (counts ?? []).Index().Where(cell => cell.Item != 0).ToDictionary(cell => cell.Index, cell => cell.Item);

    private static long[] List(SortedDictionary<int, long> cells, int length)
    {
        if (cells.Count > 0 && cells.Keys.Last() >= length)
            throw new FormatException($"Class {cells.Keys.Last()} is beyond the {length} that it names.");
        var list = new long[length];
        foreach (var (index, count) in cells) list[index] = count;
        return list;
    }
}
