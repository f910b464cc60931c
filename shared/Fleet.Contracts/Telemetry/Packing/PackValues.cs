namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>Predicted values and boxes in a series.</summary>
internal static class PackValues
{
    private const int Most = 16;

    /// <summary>
    /// Predicted values column by column, then number and size of boxes; each as five columns of count, mean, deviation and range.
    /// </summary>
    public static void Write(CborWriter writer, IReadOnlyList<InferenceStats?> stats)
    {
        var width = Math.Min(Most, stats.Max(one => one?.Values?.Count ?? 0));
        var boxes = stats.Any(one => one?.Boxes is not null);
        writer.Array(width + (boxes ? 2 : 0) + 1);
        writer.Integer(width);
        for (var i = 0; i < width; i++) WriteColumn(writer, [.. stats.Select(one => one?.Values?.ElementAtOrDefault(i))]);
        if (!boxes) return;
        WriteColumn(writer, [.. stats.Select(one => one?.Boxes?.Number)]);
        WriteColumn(writer, [.. stats.Select(one => one?.Boxes?.Size)]);
    }

    private static void WriteColumn(CborWriter writer, IReadOnlyList<ValueStats?> column)
    {
        writer.Array(5);
        Columns.Write(writer, [.. column.Select(one => one?.Count ?? 0)]);
        Columns.Write(writer, [.. column.Select(one => one?.Mean)]);
        Columns.Write(writer, [.. column.Select(one => one?.Deviation)]);
        Columns.Write(writer, [.. column.Select(one => one?.Minimum)]);
        Columns.Write(writer, [.. column.Select(one => one?.Maximum)]);
    }

    public static (IReadOnlyList<ValueStats>? Values, BoxStats? Boxes)[] Read(ref CborReader reader, int batches)
    {
        var length = reader.Array(Most + 3);
        if (length == 0) throw new FormatException("The values of a series do not say how many they are.");
        var width = (int)reader.Integer(0, Most);
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
}
