using System.Text.Json;

namespace Fleet.Contracts.Inputs;

/// <summary>Bytes in JSON as TensorFlow Serving and KServe have them: <c>{"b64": "..."}</c>.</summary>
internal static class Base64
{
    /// <summary>The bytes of an object; null where it has none.</summary>
    /// <exception cref="FormatException">What it has is not base64.</exception>
    public static byte[]? Of(JsonElement instance) => !instance.TryGetProperty("b64"u8, out var text) ? null
        : text.ValueKind == JsonValueKind.String && text.TryGetBytesFromBase64(out var bytes) ? bytes
        : throw new FormatException("b64 is not base64");
}
