using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Fleet.Cli.Client;

/// <summary>The part that sends a request and reads its answer.</summary>
internal sealed partial class FleetClient
{
    private const int PageLength = 1000;

    private static string Escape(string segment) => Uri.EscapeDataString(segment);

    private static string Query(params ReadOnlySpan<(string Name, string? Value)> parameters)
    {
        var query = new List<string>();
        foreach (var (name, value) in parameters)
        {
            if (value is { Length: > 0 }) query.Add($"{name}={Escape(value)}");
        }
        return query.Count == 0 ? "" : "?" + string.Join('&', query);
    }

    private static HttpRequestMessage Request<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type)
        => new(method, path) { Content = JsonContent.Create(body, type) };

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellationToken);
        return await ReadAsync(response, type, cancellationToken);
    }

    /// <summary>A whole list, page after page.</summary>
    private async Task<IReadOnlyList<T>> ListAsync<T>(string path, JsonTypeInfo<IReadOnlyList<T>> type, CancellationToken cancellationToken)
        => (await ListAsync(path, int.MaxValue, type, cancellationToken)).Entries;

    /// <summary>A list, page after page until <paramref name="most"/> entries are read.</summary>
    /// <returns>Its entries, and whether more were left out.</returns>
    private async Task<(IReadOnlyList<T> Entries, bool IsCut)> ListAsync<T>(
        string path, int most, JsonTypeInfo<IReadOnlyList<T>> type, CancellationToken cancellationToken)
    {
        var entries = new List<T>();
        string? next = $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}limit={Math.Min(most, PageLength)}";
        while (next is not null && entries.Count < most)
        {
            using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, next), cancellationToken);
            entries.AddRange(await ReadAsync(response, type, cancellationToken));
            next = LinkOf(response, "next");
        }
        var isCut = next is not null || entries.Count > most;
        if (entries.Count > most) entries.RemoveRange(most, entries.Count - most);
        return (entries, isCut);
    }

    /// <summary>Where the server says that a list goes on (RFC 8288); null at its end.</summary>
    private static string? LinkOf(HttpResponseMessage response, string relation)
        => response.Headers.TryGetValues("Link", out var links)
            && links.FirstOrDefault(link => link.EndsWith($"rel=\"{relation}\"", StringComparison.Ordinal)) is { } link
            ? link[(link.IndexOf('<', StringComparison.Ordinal) + 1)..link.IndexOf('>', StringComparison.Ordinal)].TrimStart('/')
            : null;

    private async Task<T> PostAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, path), cancellationToken);
        return await ReadAsync(response, type, cancellationToken);
    }

    private async Task<TAnswer> PostAsync<TBody, TAnswer>(
        string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> answerType, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(Request(HttpMethod.Post, path, body, bodyType), cancellationToken);
        return await ReadAsync(response, answerType, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using (request)
        {
            HttpResponseMessage response;
            try
            {
                response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            }
            catch (HttpRequestException e)
            {
                throw Unreachable(e);
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                throw new FleetException(
                    $"The server at {address} did not answer within {_http.Timeout.TotalSeconds:0} s. Look at its log.", e);
            }
            if (response.IsSuccessStatusCode) return response;
            using (response) throw await RefusalAsync(request, response, cancellationToken);
        }
    }

    private Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        => ReadAsync(response, async content => await content.ReadFromJsonAsync(type, cancellationToken)
            ?? throw new JsonException("The answer is null."));

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, Func<HttpContent, Task<T>> read)
    {
        try
        {
            return await read(response.Content);
        }
        catch (JsonException e)
        {
            throw new FleetException($"{address} sent an answer that this program cannot read: {e.Message} Check that both are of the "
                + $"same version.", e)
            { Status = (int)response.StatusCode };
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new FleetException($"The connection to {address} broke off in the middle of an answer: {e.Message}", e);
        }
    }
}
