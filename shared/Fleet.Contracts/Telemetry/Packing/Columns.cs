namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>
/// A value for each batch of a pack: one alone where it never changes, otherwise all of them. Of several columns that are mostly
/// zero (buckets, classes) only those that are not are written, each behind its distance from the one before.
/// </summary>
internal static class Columns
{
    /// <summary>Most columns that one pack may hold: what is constant is short on the wire and long in memory.</summary>
    public const int Most = 8192;

    /// <summary>
    /// Most counts of classes in one pack, zeros among them, which nothing on the wire stands for: 16 models of a thousand classes in each
    /// of 60 batches.
    /// </summary>
    public const int MostClassCounts = 1 << 20;

    public static void Write(CborWriter writer, IReadOnlyList<long> column)
    {
        if (column.All(value => value == column[0]))
        {
            writer.Integer(column[0]);
            return;
        }
        writer.Array(column.Count);
        foreach (var value in column) writer.Integer(value);
    }

    public static long[] Read(ref CborReader reader, int batches, long most)
    {
        var column = new long[batches];
        if (!reader.IsArray)
        {
            Array.Fill(column, reader.Integer(0, most));
            return column;
        }
        reader.Array("A column", batches);
        for (var i = 0; i < batches; i++) column[i] = reader.Integer(0, most);
        return column;
    }

    public static void Write(CborWriter writer, IReadOnlyList<double?> column)
    {
        var constant = column.All(value => value == column[0]);
        if (!constant) writer.Array(column.Count);
        foreach (var value in column.Take(constant ? 1 : column.Count))
        {
            if (value is not { } number) writer.Null();
            else if (number == Math.Floor(number) && Math.Abs(number) < 1L << 53) writer.Integer((long)number);
            else writer.Number(number);
        }
    }

    public static double?[] ReadNumbers(ref CborReader reader, int batches)
    {
        var column = new double?[batches];
        var constant = !reader.IsArray;
        if (!constant) reader.Array("A column", batches);
        for (var i = 0; i < (constant ? 1 : batches); i++) column[i] = reader.TryNull() ? null : reader.Number();
        if (constant) Array.Fill(column, column[0]);
        return column;
    }

    /// <summary>
    /// Writes rows that have a value for each of their indexes, column by column. Where every row adds up to its total the largest
    /// column follows from the others, and null stands for it.
    /// </summary>
    public static void Write(CborWriter writer, IReadOnlyList<IReadOnlyDictionary<int, long>> rows, IReadOnlyList<long> totals)
    {
        int[] indexes = [.. rows.SelectMany(row => row.Where(cell => cell.Value != 0).Select(cell => cell.Key)).Distinct().Order()];
        writer.Array(2 * indexes.Length);
        var follows = rows.Zip(totals).All(row => row.First.Values.Sum() == row.Second);
        var largest = follows && indexes.Length > 1 ? indexes.MaxBy(index => rows.Sum(row => row.GetValueOrDefault(index))) : -1;
        var before = -1;
        foreach (var index in indexes)
        {
            writer.Integer(index - before - 1);
            if (index == largest) writer.Null();
            else Write(writer, [.. rows.Select(row => row.GetValueOrDefault(index))]);
            before = index;
        }
    }

    public static SortedDictionary<int, long>[] ReadMatrix(ref CborReader reader, long[] totals, int lastIndex, ref int budget)
    {
        var batches = totals.Length;
        var rows = new SortedDictionary<int, long>[batches];
        for (var i = 0; i < batches; i++) rows[i] = [];
        var length = reader.Array(2 * (lastIndex + 1));
        if (length % 2 != 0) throw new FormatException("A column has an index and no values.");
        if ((budget -= length / 2) < 0) throw new FormatException($"It holds more than {Most} columns.");
        var (index, largest) = (-1, -1);
        for (var column = 0; column < length / 2; column++)
        {
            index += 1 + (int)reader.Integer(0, lastIndex);
            if (index > lastIndex) throw new FormatException($"Index {index} is beyond {lastIndex}.");
            if (largest < 0 && reader.TryNull())
            {
                largest = index;
                continue;
            }
            var values = Read(ref reader, batches, LatencyHistogram.MaximumCount);
            for (var i = 0; i < batches; i++) if (values[i] != 0) rows[i][index] = values[i];
        }
        for (var i = 0; i < batches && largest >= 0; i++)
        {
            var rest = totals[i] - rows[i].Values.Sum();
            if (rest < 0) throw new FormatException($"Counts add up to {totals[i] - rest}, more than the {totals[i]} there were.");
            if (rest > 0) rows[i][largest] = rest;
        }
        return rows;
    }
}
