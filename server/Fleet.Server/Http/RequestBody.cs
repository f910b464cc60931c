using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;

namespace Fleet.Server.Http;

/// <summary>Reads what was sent, within a limit, and says what is wrong with it in words that help.</summary>
internal static class RequestBody
{
    /// <summary>
    /// The body as <typeparamref name="T"/>, or the refusal. With a type of <c>FleetJson.Strict</c> an unknown key is refused by
    /// name.
    /// </summary>
    public static async Task<Answer<T>> ReadAsync<T>(
        HttpRequest request, JsonTypeInfo<T> type, CancellationToken cancellationToken, int maximumBytes = Limits.ApiRequestBytes)
        where T : class
    {
        var sent = await ReadBytesAsync(request, maximumBytes, cancellationToken);
        if (sent.Value is null) return sent.Problem!;
        try
        {
            return JsonSerializer.Deserialize(sent.Value, type) is { } value
                ? value
                : Refusal.Invalid("The request is empty.");
        }
        catch (JsonException e)
        {
            return Refusal.Invalid("The request cannot be read.", e.Message);
        }
    }

    /// <summary>The body as it was sent, or the refusal of one that is too large.</summary>
    public static async Task<Answer<byte[]>> ReadBytesAsync(HttpRequest request, int maximumBytes, CancellationToken cancellationToken)
    {
        if (request.ContentLength > maximumBytes) return TooLarge(maximumBytes);
        using var bytes = new MemoryStream((int)(request.ContentLength ?? 0));
        var buffer = new byte[16 * 1024];
        while (await request.Body.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            if (bytes.Length + read > maximumBytes) return TooLarge(maximumBytes);
            bytes.Write(buffer, 0, read);
        }
        return bytes.ToArray();
    }

    private static Contracts.Http.ApiProblem TooLarge(int maximumBytes)
        => Refusal.TooLarge($"The request is larger than the {maximumBytes:#,0} bytes that are accepted here.");
}
