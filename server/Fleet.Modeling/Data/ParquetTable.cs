using System.Globalization;
using Parquet;
using Parquet.Schema;

namespace Fleet.Modeling.Data;

/// <summary>A table from a Parquet file, each value as a text file would have it.</summary>
internal static class ParquetTable
{
    /// <summary>True for what begins as such a file.</summary>
    public static bool Is(ReadOnlySpan<byte> begin) => begin.StartsWith("PAR1"u8);

    /// <summary>Reads a table.</summary>
    /// <exception cref="FormatException">It is damaged, or holds lists.</exception>
    public static TableFile Read(byte[] file)
    {
        try
        {
            // Nothing is awaited: the file is in memory.
            return ReadAsync(new MemoryStream(file)).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not (FormatException or OutOfMemoryException))
        {
            // Whatever the library meets in a damaged file, it is that file which cannot be read.
            throw new FormatException($"it is not a Parquet file that can be read ({e.Message.TrimEnd('.')}); write it again", e);
        }
    }

    private static async Task<TableFile> ReadAsync(MemoryStream file)
    {
        await using var reader = await ParquetReader.CreateAsync(file);
        var fields = reader.Schema.GetDataFields();
        if (Array.Find(fields, field => field.MaxRepetitionLevel > 0 || field.Path.Length > 1) is { } nested)
            throw new FormatException($"column '{nested.Path}' holds lists or records; give numbers, words and dates");
        var rows = new List<string[]>();
        for (var number = 0; number < reader.RowGroupCount; number++)
        {
            using var group = reader.OpenRowGroupReader(number);
            var first = rows.Count;
            for (var row = 0L; row < group.RowCount; row++) rows.Add(new string[fields.Length]);
            foreach (var (place, field) in fields.Index())
            {
                string[] words = await WordsAsync(group, field);
                for (var row = 0; row < words.Length; row++) rows[first + row][place] = words[row];
            }
        }
        return new TableFile(
            [.. fields.Select(field => field.Name)], rows, [.. Enumerable.Range(1, rows.Count)], new int[rows.Count]);
    }

    private static async Task<string[]> WordsAsync(ParquetRowGroupReader group, DataField field)
    {
        if (field.ClrType == typeof(ReadOnlyMemory<char>) || field.ClrType == typeof(string))
        {
            var words = new string?[group.RowCount];
            await group.ReadAsync(field, words.AsMemory()!);
            return [.. words.Select(word => word?.Trim() ?? "")];
        }
        Task<string[]> As<T>() where T : struct, IFormattable => FormattedAsync<T>(group, field);
        return await (Type.GetTypeCode(field.ClrType) switch
        {
            TypeCode.Boolean => BooleansAsync(group, field),
            TypeCode.Byte => As<byte>(),
            TypeCode.SByte => As<sbyte>(),
            TypeCode.Int16 => As<short>(),
            TypeCode.UInt16 => As<ushort>(),
            TypeCode.Int32 => As<int>(),
            TypeCode.UInt32 => As<uint>(),
            TypeCode.Int64 => As<long>(),
            TypeCode.UInt64 => As<ulong>(),
            TypeCode.Single => As<float>(),
            TypeCode.Double => As<double>(),
            TypeCode.Decimal => As<decimal>(),
            TypeCode.DateTime => FormattedAsync<DateTime>(group, field, "yyyy-MM-dd HH:mm:ss.FFFFFFF"),
            _ => throw new FormatException($"column '{field.Name}' holds {field.ClrType.Name}; give numbers, words and dates"),
        });
    }

    private static async Task<string[]> FormattedAsync<T>(ParquetRowGroupReader group, DataField field, string? format = null)
        where T : struct, IFormattable
    {
        var values = new T?[group.RowCount];
        await group.ReadAsync<T>(field, values.AsMemory());
        return [.. values.Select(value => value?.ToString(format, CultureInfo.InvariantCulture) ?? "")];
    }

    private static async Task<string[]> BooleansAsync(ParquetRowGroupReader group, DataField field)
    {
        var values = new bool?[group.RowCount];
        await group.ReadAsync<bool>(field, values.AsMemory());
        return [.. values.Select(value => value switch { true => "true", false => "false", null => "" })];
    }
}
