namespace Fleet.Contracts.Builds;

/// <summary>A variant that is to be looked into layer by layer, beside the float model that it was made of.</summary>
public sealed record InspectionRequest
{
    /// <summary>The variant, the samples that both run on and the state it carries.</summary>
    public required SourceSpec Variant { get; init; }

    /// <summary>The float model that it was made of.</summary>
    public required string Reference { get; init; }

    /// <summary>Samples that are run at most.</summary>
    public int Samples { get; set; } = 32;
}
