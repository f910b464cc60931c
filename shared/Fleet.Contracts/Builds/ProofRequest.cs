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

    /// <summary>
    /// Settings of a profile, to which what the file itself needs is added; absent: those of the report that quantizing left beside the
    /// variant or, where there is none, what the file says that it needs.
    /// </summary>
    public RuntimeSettings? Runtime { get; init; }

    /// <summary>Session entries that win over those; absent for none.</summary>
    public IReadOnlyDictionary<string, string>? SessionEntries { get; init; }

    /// <summary>Samples that are run at most: emulation takes some hundred times as long.</summary>
    public int Samples { get; set; } = 100;
}
