using Fleet.Contracts.Telemetry;

namespace Fleet.Server.Storage;

/// <summary>How long a rollup is.</summary>
internal enum RollupPeriod
{
    /// <summary>A minute; kept for <see cref="IFleetStore.MinutesKept"/>.</summary>
    Minute,

    /// <summary>An hour; kept as long as telemetry is.</summary>
    Hour,
}

/// <summary>Which rollups to read.</summary>
/// <param name="Period">How long their periods are.</param>
/// <param name="Since">The first period is the one this lies in.</param>
/// <param name="Model">Of one model; null for all.</param>
internal sealed record RollupQuery(RollupPeriod Period, DateTimeOffset Since, string? Model = null)
{
    /// <summary>Start of the first period.</summary>
    public DateTimeOffset First => RollupBuilder.StartOf(Period, Since);

    /// <summary>True when a rollup is asked for.</summary>
    public bool Takes(Rollup rollup) => rollup.From >= First && (Model is null || rollup.Stats.Model == Model);
}

/// <summary>
/// What one model did in one period, on one device or on all: its batches merged, so that people and pages read few of them.
/// </summary>
internal sealed record Rollup
{
    /// <summary>Start of the period.</summary>
    public required DateTimeOffset From { get; init; }

    /// <summary>Batches merged.</summary>
    public required long Batches { get; init; }

    /// <summary>Their counts and histograms together; version and variant are those that served last.</summary>
    public required InferenceStats Stats { get; init; }

    /// <summary>The machine as last reported in the period; null for all devices together.</summary>
    public ResourceStats? Resources { get; init; }

    /// <summary>End of the newest batch.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary>The rollup in the form in which it is stored: a batch of one model.</summary>
    public TelemetryBatch ToBatch() => new() { Sequence = Batches, From = From, To = To, Models = [Stats], Resources = Resources };

    /// <summary>Reads what <see cref="ToBatch"/> wrote.</summary>
    public static Rollup Of(TelemetryBatch batch)
        => new() { From = batch.From, To = batch.To, Batches = batch.Sequence, Stats = batch.Models[0], Resources = batch.Resources };
}
