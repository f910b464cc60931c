namespace Fleet.Contracts.Http;

/// <summary>What is unusual about what a device sends, since the server started.</summary>
public sealed record TrafficView
{
    /// <summary>Since when its acknowledgements wait because it sends more than its share; null when they do not.</summary>
    public DateTimeOffset? SlowedSince { get; init; }

    /// <summary>Until when it is kept out because slowing it did not help; null when it is not.</summary>
    public DateTimeOffset? CutUntil { get; init; }

    /// <summary>Where that comes from which is slowed or kept out: an address, or the network of one; null when nothing is.</summary>
    public string? From { get; init; }

    /// <summary>Messages that were refused for good.</summary>
    public long Refused { get; init; }

    /// <summary>Why the last of them was refused.</summary>
    public string? LastRefusal { get; init; }

    /// <summary>When that was.</summary>
    public DateTimeOffset? LastRefusalAt { get; init; }
}
