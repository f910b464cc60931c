namespace Fleet.Contracts.Telemetry.Packing;

/// <summary>The machine in a pack: a column for each figure.</summary>
internal static class PackResources
{
    public static void Write(CborWriter writer, IReadOnlyList<ResourceStats?> resources)
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

    public static ResourceStats?[] Read(ref CborReader reader, int batches)
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
