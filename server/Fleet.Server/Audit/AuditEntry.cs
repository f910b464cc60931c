using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Server.Audit;

/// <summary>What somebody changed or tried to change, or how the trail began: a line of it.</summary>
/// <param name="At">When.</param>
/// <param name="Who">The person, program or device; the user of the machine, where it was done at the machine.</param>
/// <param name="From">The address it came from, or the program.</param>
/// <param name="What">Method and path, or why the trail begins.</param>
/// <param name="Status">How it was answered: a refused attempt is worth knowing too. Null where nobody asked over HTTP.</param>
internal sealed record AuditEntry(DateTimeOffset At, string Who, string From, string What, int? Status)
{
    /// <summary>Number of the line since the first trail of this folder; 0 in lines of earlier programs.</summary>
    public long Number { get; set; }

    /// <summary>The key or session that proved who it was; null where nobody was.</summary>
    public string? Proof { get; set; }

    /// <summary>Why it was refused.</summary>
    public string? Why { get; set; }

    /// <summary>What it changed, the first of them.</summary>
    public IReadOnlyList<AuditChange>? Changes { get; set; }

    /// <summary>How many more it changed.</summary>
    public int? MoreChanges { get; set; }

    /// <summary>In the first line of a file: the hash of the line before it, in the file that came before.</summary>
    public string? Previous { get; set; }

    /// <summary>Hash of this line and of the one before: last, so that it is found without reading the rest.</summary>
    public string? Chain { get; set; }
}

/// <summary>A document before and after, in what differs. Secrets and their hashes are left out.</summary>
/// <param name="What">Type and id, such as <c>device/press-7</c>.</param>
/// <param name="Before">What it was; null when it was created.</param>
/// <param name="After">What it is; null when it was removed.</param>
internal sealed record AuditChange(string What, JsonElement? Before, JsonElement? After);

/// <summary>Where the trail ends, as the database knows it: a file that ends earlier was cut.</summary>
/// <param name="Number">Number of the last line.</param>
/// <param name="Chain">Its hash.</param>
internal sealed record AuditHead(long Number, string Chain);

/// <summary>Generated serialization of this room's documents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AuditEntry))]
[JsonSerializable(typeof(AuditHead))]
[JsonSerializable(typeof(System.Text.Json.Nodes.JsonObject))]
internal sealed partial class AuditJson : JsonSerializerContext;
