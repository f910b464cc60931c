using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Builds;

/// <summary>A variant to be run as other processors would run it. Defaults live here and nowhere else.</summary>
public sealed record ProofRequest
{
    /// <summary>The variant, the samples that judge and the state it carries; it is calibrated with nothing.</summary>
    public required SourceSpec Variant { get; init; }

    /// <summary>The float model that the variant was made of; absent: its own native run is what others are compared with.</summary>
    public string? Reference { get; init; }

    /// <summary>Processors by name; absent: the usual ones.</summary>
    public IReadOnlyList<string>? Processors { get; init; }

    /// <summary>Settings of the session; absent: those of the report that quantizing left beside the variant.</summary>
    public RuntimeSettings? Runtime { get; init; }

    /// <summary>Samples that are run at most: emulation takes some hundred times as long.</summary>
    public int Samples { get; set; } = 100;
}
