using System.Text.Json;
using System.Text.Json.Nodes;
using Fleet.Server.Storage;

namespace Fleet.Server.Audit;

/// <summary>
/// What the trail says of documents that were committed: what differs, without secrets, at a length that people read. Pure.
/// </summary>
internal static class AuditChanges
{
    private const int LongestValue = 1000;

    /// <summary>Words of names whose values are nobody's business, hashed or not.</summary>
    private static readonly string[] Secrets = ["secret", "hash", "password", "csrf"];

    /// <summary>The difference of a document.</summary>
    public static AuditChange Of(CommittedChange change)
    {
        var (before, after) = (ObjectOf(change.Before), ObjectOf(change.After));
        if (before is not null && after is not null)
        {
            foreach (var key in before.Select(property => property.Key).ToArray())
            {
                if (!after.ContainsKey(key) || !JsonNode.DeepEquals(before[key], after[key])) continue;
                before.Remove(key);
                after.Remove(key);
            }
        }
        return new AuditChange(change.Name, Plain(before), Plain(after));
    }

    private static JsonObject? ObjectOf(string? json) => json is null ? null : JsonNode.Parse(json)!.AsObject();

    private static JsonElement? Plain(JsonObject? document)
    {
        if (document is null) return null;
        Redact(document);
        foreach (var (key, value) in document.ToArray())
        {
            var length = value?.ToJsonString().Length ?? 0;
            if (length > LongestValue) document[key] = $"… {length} characters";
        }
        return JsonSerializer.SerializeToElement(document, AuditJson.Default.JsonObject);
    }

    private static void Redact(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            foreach (var item in list) Redact(item);
        }
        if (node is not JsonObject document) return;
        foreach (var (key, value) in document.ToArray())
        {
            if (Secrets.Any(word => key.Contains(word, StringComparison.OrdinalIgnoreCase))) document[key] = "…";
            else Redact(value);
        }
    }
}
