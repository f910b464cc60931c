namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>What a pack holds: when its batches were, a series for each variant that served, and the machine.</summary>
internal static class PackBody
{
    private const int SeriesFields = 10;
    private const int LastClass = 65_535;
    private const int LastTenth = 9;

    /// <summary>Most series: a variant for each model, and some that took turns.</summary>
    private const int MostSeries = 4 * Limits.ModelsPerDevice;

    private const int MostValues = 16;

    public static void Write(CborWriter writer, IReadOnlyList<TelemetryBatch> batches)
    {
        writer.Array(6);
        writer.Integer(batches[0].Sequence);
        writer.Integer(batches.Count);
        Columns.Write(writer, [.. Steps(batches, batch => batch.Sequence).Select(step => step - 1)]);
        WriteTimes(writer, batches);
        (string Model, int Version, string Variant)[] keys = [
            .. batches.SelectMany(batch => batch.Models).Select(stats => (stats.Model, stats.Version, stats.Variant)).Distinct(),
        ];
        writer.Array(keys.Length);
        foreach (var key in keys)
            WriteSeries(writer, key,
                [.. batches.Select(batch => batch.Models.FirstOrDefault(stats => (stats.Model, stats.Version, stats.Variant) == key))]);
        WriteResources(writer, [.. batches.Select(batch => batch.Resources)]);
    }

    public static IReadOnlyList<TelemetryBatch> Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new CborReader(bytes);
        reader.Array("The body of a pack", 6);
        var first = reader.Integer(0, long.MaxValue);
        var steps = Columns.Read(ref reader, (int)reader.Integer(1, Limits.BatchesPerPack), long.MaxValue >> 8);
        var times = ReadTimes(ref reader, steps.Length);
        var models = new List<InferenceStats>[steps.Length];
        for (var i = 0; i < models.Length; i++) models[i] = [];
        var (count, budget) = (reader.Array(MostSeries), Columns.Most);
        for (var i = 0; i < count; i++) ReadSeries(ref reader, models, ref budget);
        var resources = ReadResources(ref reader, steps.Length);
        if (!reader.AtEnd) throw new FormatException("Something follows the end of its body.");

        var batches = new TelemetryBatch[steps.Length];
        for (var i = 0; i < batches.Length; i++)
        {
            first = i == 0 ? first : checked(first + steps[i] + 1);
            batches[i] = new TelemetryBatch
            {
                Sequence = first,
                From = times[i].From,
                To = times[i].To,
                Models = models[i],
                Resources = resources[i],
            };
        }
        return batches;
    }

    /// <summary>Sequences grow by one: the column of what they grow by more is one zero.</summary>
    private static IEnumerable<long> Steps(IReadOnlyList<TelemetryBatch> batches, Func<TelemetryBatch, long> of)
        => batches.Select((batch, i) => i == 0 ? 1 : of(batch) - of(batches[i - 1]));

    private static void WriteTimes(CborWriter writer, IReadOnlyList<TelemetryBatch> batches)
    {
        writer.Array(3);
        writer.Integer(batches[0].From.ToUnixTimeMilliseconds());
        Columns.Write(writer, [
            .. batches.Select((batch, i) =>
                (double?)(i == 0 ? 0 : batch.From.ToUnixTimeMilliseconds() - batches[i - 1].To.ToUnixTimeMilliseconds())),
        ]);
        Columns.Write(writer, [
            .. batches.Select(batch => (double?)(batch.To.ToUnixTimeMilliseconds() - batch.From.ToUnixTimeMilliseconds())),
        ]);
    }

    private static (DateTimeOffset From, DateTimeOffset To)[] ReadTimes(ref CborReader reader, int batches)
    {
        reader.Array("The times", 3);
        var at = reader.Integer(DateTimeOffset.MinValue.ToUnixTimeMilliseconds(), DateTimeOffset.MaxValue.ToUnixTimeMilliseconds());
        var gaps = Columns.ReadNumbers(ref reader, batches);
        var lengths = Columns.ReadNumbers(ref reader, batches);
        var times = new (DateTimeOffset, DateTimeOffset)[batches];
        for (var i = 0; i < batches; i++)
        {
            var from = checked(at + (long)(gaps[i] ?? 0));
            at = checked(from + (long)(lengths[i] ?? 0));
            times[i] = (DateTimeOffset.FromUnixTimeMilliseconds(from), DateTimeOffset.FromUnixTimeMilliseconds(at));
        }
        return times;
    }

    private static void WriteSeries(
        CborWriter writer, (string Model, int Version, string Variant) key, IReadOnlyList<InferenceStats?> stats)
    {
        writer.Array(SeriesFields);
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
        WriteValues(writer, stats);
    }

    private static void ReadSeries(ref CborReader reader, List<InferenceStats>[] models, ref int budget)
    {
        reader.Array("A series", SeriesFields);
        var (model, version, variant) = (
            reader.Text(Limits.NameLength), (int)reader.Integer(0, int.MaxValue), reader.Text(Limits.NameLength));
        var batches = models.Length;
        var counts = Columns.Read(ref reader, batches, LatencyHistogram.MaximumCount);
        var errors = Columns.Read(ref reader, batches, LatencyHistogram.MaximumCount);
        long[] answered = [.. counts.Select(count => Math.Max(0, count - 1))];
        var latency = Columns.ReadMatrix(ref reader, answered, LatencyHistogram.LastBucket, ref budget);
        var classCount = (int)reader.Integer(0, LastClass + 1);
        var classes = Columns.ReadMatrix(ref reader, answered, LastClass, ref budget);
        var confidence = Columns.ReadMatrix(ref reader, answered, LastTenth, ref budget);
        var values = ReadValues(ref reader, batches);
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

    /// <summary>
    /// Predicted values column by column, then number and size of boxes; each as five columns of count, mean, deviation and range.
    /// </summary>
    private static void WriteValues(CborWriter writer, IReadOnlyList<InferenceStats?> stats)
    {
        var width = Math.Min(MostValues, stats.Max(one => one?.Values?.Count ?? 0));
        var boxes = stats.Any(one => one?.Boxes is not null);
        writer.Array(width + (boxes ? 2 : 0) + 1);
        writer.Integer(width);
        for (var i = 0; i < width; i++) Write(writer, [.. stats.Select(one => one?.Values?.ElementAtOrDefault(i))]);
        if (!boxes) return;
        Write(writer, [.. stats.Select(one => one?.Boxes?.Number)]);
        Write(writer, [.. stats.Select(one => one?.Boxes?.Size)]);
    }

    private static void Write(CborWriter writer, IReadOnlyList<ValueStats?> column)
    {
        writer.Array(5);
        Columns.Write(writer, [.. column.Select(one => one?.Count ?? 0)]);
        Columns.Write(writer, [.. column.Select(one => one?.Mean)]);
        Columns.Write(writer, [.. column.Select(one => one?.Deviation)]);
        Columns.Write(writer, [.. column.Select(one => one?.Minimum)]);
        Columns.Write(writer, [.. column.Select(one => one?.Maximum)]);
    }

    private static (IReadOnlyList<ValueStats>? Values, BoxStats? Boxes)[] ReadValues(ref CborReader reader, int batches)
    {
        var length = reader.Array(MostValues + 3);
        if (length == 0) throw new FormatException("The values of a series do not say how many they are.");
        var width = (int)reader.Integer(0, MostValues);
        if (length - 1 - width is not (0 or 2))
            throw new FormatException($"{length - 1} columns of values are not {width} and number and size of boxes.");
        var columns = new ValueStats?[length - 1][];
        for (var i = 0; i < columns.Length; i++) columns[i] = ReadColumn(ref reader, batches);
        var values = new (IReadOnlyList<ValueStats>?, BoxStats?)[batches];
        for (var batch = 0; batch < batches; batch++)
        {
            ValueStats[] row = [.. columns.Take(width).Select(column => column[batch]).OfType<ValueStats>()];
            var boxes = columns.Length > width && columns[width][batch] is { } number && columns[width + 1][batch] is { } size
                ? new BoxStats(number, size)
                : null;
            values[batch] = (row.Length > 0 ? row : null, boxes);
        }
        return values;
    }

    private static ValueStats?[] ReadColumn(ref CborReader reader, int batches)
    {
        reader.Array("A column of values", 5);
        var counts = Columns.Read(ref reader, batches, LatencyHistogram.MaximumCount);
        var (means, deviations) = (Columns.ReadNumbers(ref reader, batches), Columns.ReadNumbers(ref reader, batches));
        var (minima, maxima) = (Columns.ReadNumbers(ref reader, batches), Columns.ReadNumbers(ref reader, batches));
        var column = new ValueStats?[batches];
        for (var i = 0; i < batches; i++)
        {
            if (means[i] is { } mean && deviations[i] is { } deviation && minima[i] is { } minimum && maxima[i] is { } maximum)
                column[i] = deviation >= 0
                    ? new ValueStats(counts[i], mean, deviation, minimum, maximum)
                    : throw new FormatException($"The deviation {deviation} is below zero.");
        }
        return column;
    }

    private static void WriteResources(CborWriter writer, IReadOnlyList<ResourceStats?> resources)
    {
        if (resources.All(one => one is null))
        {
            writer.Null();
            return;
        }
        writer.Array(5);
        Columns.Write(writer, [.. resources.Select(one => one?.CpuUsage)]);
        Columns.Write(writer, [.. resources.Select(one => (double?)one?.MemoryUsedBytes)]);
        Columns.Write(writer, [.. resources.Select(one => (double?)one?.AgentMemoryBytes)]);
        Columns.Write(writer, [.. resources.Select(one => one?.TemperatureCelsius)]);
        Columns.Write(writer, [.. resources.Select(one => (double?)one?.DiskFreeBytes)]);
    }

    private static ResourceStats?[] ReadResources(ref CborReader reader, int batches)
    {
        var resources = new ResourceStats?[batches];
        if (reader.TryNull()) return resources;
        reader.Array("The machine", 5);
        var (cpu, memory, agent) = (
            Columns.ReadNumbers(ref reader, batches), Columns.ReadNumbers(ref reader, batches), Columns.ReadNumbers(ref reader, batches));
        var (temperature, disk) = (Columns.ReadNumbers(ref reader, batches), Columns.ReadNumbers(ref reader, batches));
        for (var i = 0; i < batches; i++)
        {
            if (cpu[i] is null && memory[i] is null && agent[i] is null && temperature[i] is null && disk[i] is null) continue;
            resources[i] = new ResourceStats
            {
                CpuUsage = cpu[i],
                MemoryUsedBytes = Whole(memory[i]),
                AgentMemoryBytes = Whole(agent[i]),
                TemperatureCelsius = temperature[i],
                DiskFreeBytes = Whole(disk[i]),
            };
        }
        return resources;
    }

    private static long? Whole(double? value)
        => value is null or (>= 0 and <= 1L << 60) ? (long?)value : throw new FormatException($"{value} bytes are beyond 0..{1L << 60}.");
}
