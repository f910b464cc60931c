namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>What a pack holds: when its batches were, a series for each variant that served, and the machine.</summary>
internal static class PackBody
{
    /// <summary>Most series: a variant for each model, and some that took turns.</summary>
    private const int MostSeries = 4 * Limits.ModelsPerDevice;

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
            PackSeries.Write(writer, key,
                [.. batches.Select(batch => batch.Models.FirstOrDefault(stats => (stats.Model, stats.Version, stats.Variant) == key))]);
        PackResources.Write(writer, [.. batches.Select(batch => batch.Resources)]);
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
        var (count, budget) = (reader.Array(MostSeries), new PackBudget());
        for (var i = 0; i < count; i++) PackSeries.Read(ref reader, models, ref budget);
        var resources = PackResources.Read(ref reader, steps.Length);
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
}
