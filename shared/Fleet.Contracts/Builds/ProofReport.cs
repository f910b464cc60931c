using Fleet.Contracts.Devices;

namespace Fleet.Contracts.Builds;

/// <summary>What a variant computes on processors that this machine is not: each emulated, next to the native one.</summary>
public sealed record ProofReport
{
    /// <summary>File name of the variant.</summary>
    public required string Variant { get; init; }

    /// <summary>File name of the float model it was compared with; null when there was none.</summary>
    public string? Reference { get; init; }

    /// <summary>Where the samples came from.</summary>
    public required string Validation { get; init; }

    /// <summary>Samples that were run.</summary>
    public int Samples { get; init; }

    /// <summary>What the session was created with; on each processor less what it does not need.</summary>
    public RuntimeSettings Runtime { get; set; } = new();

    /// <summary>What a reader should know of the file, such as what it asks for and does not get; none in older reports.</summary>
    public IReadOnlyList<string> Notes { get; set; } = [];

    /// <summary>The machine of the native figures.</summary>
    public required string MeasuredOn { get; init; }

    /// <summary>The native run first, then one for each processor.</summary>
    public required IReadOnlyList<ProcessorProof> Processors { get; init; }

    /// <summary>True when the variant may run on all of them.</summary>
    public bool Holds => Processors.All(processor => processor.Holds);
}

/// <summary>One processor's figures.</summary>
public sealed record ProcessorProof
{
    /// <summary>Name, such as <c>haswell</c>; <c>native</c> for this machine's own.</summary>
    public required string Processor { get; init; }

    /// <summary>What it stands for.</summary>
    public string Description { get; set; } = "";

    /// <summary>Share of samples decided as their labels say; null without labels.</summary>
    public double? Accuracy { get; init; }

    /// <summary>
    /// Decibels of signal to noise: against the float model, or without one against the native run. At most 200, for outputs that are
    /// equal.
    /// </summary>
    public double? SignalToNoise { get; init; }

    /// <summary>
    /// What the deciding figure loses against the native run, in points of accuracy or decibels; null for the native run and where none was
    /// lost to count.
    /// </summary>
    public double? Loss { get; init; }

    /// <summary>True when it loses no more than allowed.</summary>
    public required bool Holds { get; init; }

    /// <summary>The verdict in a sentence, with the remedy where there is one.</summary>
    public string Detail { get; set; } = "";
}
