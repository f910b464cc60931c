using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using Fleet.Contracts;

namespace Fleet.Modeling.Worker;

/// <summary>The part that sends a request and reads its answer.</summary>
internal sealed partial class FleetServer
{
    private async Task PostAsync(string path, HttpContent content, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(HttpMethod.Post, path, content, RequestTime, cancellationToken);
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent content, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var timed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timed.CancelAfter(limit);
        try
        {
            using var request = new HttpRequestMessage(method, path) { Content = content };
            var response = await _http.SendAsync(request, timed.Token);
            if (response.IsSuccessStatusCode) return response;
            using (response)
            {
                var reason = await ReasonAsync(response, timed.Token);
                throw response.StatusCode switch
                {
                    HttpStatusCode.Conflict or HttpStatusCode.NotFound => new LeaseLostException(reason),
                    // Too busy, or broken for now: worth another try.
                    HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError =>
                        new HttpRequestException(reason, null, response.StatusCode),
                    _ => new RefusedException(reason),
                };
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HttpRequestException($"{_http.BaseAddress}{path} did not answer within {limit}.");
        }
    }

    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var status = $"{(int)response.StatusCode} {response.ReasonPhrase}";
        try
        {
            return await response.Content.ReadFromJsonAsync(FleetJson.Default.ApiProblem, cancellationToken) is { } problem
                ? $"{status}: {string.Join(" ", [problem.Title, .. problem.Problems ?? []])}"
                : status;
        }
        catch (Exception e) when (e is System.Text.Json.JsonException or NotSupportedException)
        {
            return status;
        }
    }

    private static JsonContent Json<T>(T value, JsonTypeInfo<T> type) => JsonContent.Create(value, type);
}
