using System.Net;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Access;

/// <summary>A browser that follows the way to a provider and back, with all its cookies.</summary>
internal sealed class OpenIdBrowser : IDisposable
{
    private readonly HttpClient _client;

    public OpenIdBrowser(string address)
    {
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() })
        {
            BaseAddress = new Uri(address),
        };
        _client.DefaultRequestHeaders.Accept.ParseAdd("text/html");
    }

    public Task<string> PageAsync(string path) => _client.GetStringAsync(path);

    public async Task<HttpStatusCode> StatusOfAsync(string path)
    {
        using var answer = await _client.GetAsync(path);
        return answer.StatusCode;
    }

    /// <summary>The address at which the provider sends the browser back.</summary>
    public async Task<string> WayBackAsync(string wanted)
    {
        // A provider that is slow on a busy machine is said to be away; whoever came tries again.
        using var start = await Eventually.ValueAsync("the server shows the way to the provider", async () =>
        {
            var answer = await StartAsync(wanted);
            return answer.StatusCode == HttpStatusCode.ServiceUnavailable ? null : answer;
        });
        Assert.Equal(HttpStatusCode.Redirect, start.StatusCode);
        using var vouched = await _client.GetAsync(start.Headers.Location);
        Assert.True(vouched.StatusCode == HttpStatusCode.Redirect, await vouched.Content.ReadAsStringAsync());
        return vouched.Headers.Location!.ToString();
    }

    /// <summary>Sets out for the provider.</summary>
    public Task<HttpResponseMessage> StartAsync(string wanted) => _client.GetAsync($"/login/openid/start?return={wanted}");

    /// <summary>Signs in, and answers the page that comes of it.</summary>
    public async Task<string> SignInAsync(string wanted)
    {
        using var back = await _client.GetAsync(await WayBackAsync(wanted));
        return await back.Content.ReadAsStringAsync();
    }

    public void Dispose() => _client.Dispose();
}
