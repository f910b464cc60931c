namespace Fleet.Contracts.Trust;

/// <summary>Whom a device trusts now, and what it has refused.</summary>
public sealed record TrustReport
{
    /// <summary>Version of the root it has followed to; 0 before the first.</summary>
    public required int Root { get; init; }

    /// <summary>SHA-256 of that root, in hexadecimal: a server that was restored may have made another of the same version.</summary>
    public string? Digest { get; init; }

    /// <summary>Epoch of the last order it accepted; 0 before the first.</summary>
    public long Epoch { get; init; }

    /// <summary>Why it did not act on what it was told last.</summary>
    public OrderFault Fault { get; init; }

    /// <summary>That in a sentence with its numbers; a signed time that it does not believe is told here too.</summary>
    public string Detail { get; set; } = "";
}
