using System.Text.Json.Serialization;

namespace Fleet.Server.Http;

/// <summary>A call that may be sent again, as it is stored under the hash of its caller and key.</summary>
/// <param name="Fingerprint">Hash of method, address and body: the key belongs to this call alone.</param>
/// <param name="ExpiresAt">When it is forgotten.</param>
internal sealed record IdempotentCall(string Fingerprint, DateTimeOffset ExpiresAt)
{
    /// <summary>Who made it.</summary>
    public string Caller { get; set; } = "";

    /// <summary>How it was answered; 0 while it runs.</summary>
    public int Status { get; set; }

    /// <summary>Type of the answer.</summary>
    public string? ContentType { get; set; }

    /// <summary>
    /// The answer, encrypted with a key that only the caller has: an answer may hold a secret that the store keeps the hash of alone.
    /// Null while it runs, and where it was too large.
    /// </summary>
    public byte[]? Answer { get; set; }
}

/// <summary>Generated serialization of <see cref="IdempotentCall"/>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IdempotentCall))]
internal sealed partial class IdempotencyJson : JsonSerializerContext;
