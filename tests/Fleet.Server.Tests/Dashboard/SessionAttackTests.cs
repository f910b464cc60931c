using System.Net;
using System.Text;
using Fleet.Server.Access;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Dashboard;

/// <summary>Somebody who rides on the session of another.</summary>
public sealed class SessionAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Change_by_cookie_without_what_the_page_was_given_is_refused()
    {
        using var browser = await SignedInAsync();
        using var bare = await browser.SendAsync(Token(null));
        Assert.Equal(HttpStatusCode.Unauthorized, bare.StatusCode);
        using var guessed = await browser.SendAsync(Token(new string('0', 64)));
        Assert.Equal(HttpStatusCode.Unauthorized, guessed.StatusCode);
        using var meant = await browser.SendAsync(Token(await browser.CsrfAsync()));
        Assert.Equal(HttpStatusCode.Created, meant.StatusCode);
    }

    [Fact]
    public async Task Token_of_one_session_does_nothing_in_another()
    {
        using var attacker = await SignedInAsync();
        using var victim = await SignedInAsync();
        using var answer = await victim.SendAsync(Token(await attacker.CsrfAsync()));
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Signing_somebody_out_from_another_page_does_not_work()
    {
        using var browser = await SignedInAsync();
        using var answer = await browser.PostAsync("/logout");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal(HttpStatusCode.OK, await browser.StatusOfAsync("/"));
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("operator.0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData(".")]
    public async Task Cookie_that_was_made_up_opens_nothing(string cookie)
    {
        using var browser = new Browser(server.Addresses.Api) { Cookie = $"{Sessions.Cookie}={cookie}" };
        Assert.Equal(HttpStatusCode.Redirect, await browser.StatusOfAsync("/"));
    }

    [Fact]
    public async Task Store_and_trail_hold_nothing_that_opens_a_session()
    {
        using var browser = await SignedInAsync();
        var secret = browser.Cookie!.Split('.')[^1];
        Assert.DoesNotContain(secret, await File.ReadAllTextAsync(server.Folder["audit.jsonl"]), StringComparison.Ordinal);
        await foreach (var session in server.Store.AllAsync<Session>("", default))
            Assert.NotEqual(secret, session.Document.Hash);
    }

    private async Task<Browser> SignedInAsync()
    {
        var browser = new Browser(server.Addresses.Api);
        using var answer = await browser.SignInAsync((await File.ReadAllTextAsync(server.Folder["keys", "operator.key"])).Trim());
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        return browser;
    }

    private static HttpRequestMessage Token(string? csrf)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/tokens")
        {
            Content = new StringContent("""{"uses":1,"validFor":"01:00:00"}""", Encoding.UTF8, "application/json"),
        };
        if (csrf is not null) request.Headers.Add(Sessions.CsrfHeader, csrf);
        return request;
    }
}
