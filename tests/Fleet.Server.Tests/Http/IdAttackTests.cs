using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Fleet.Server.Tests.Http;

/// <summary>
/// Ids, names and digests that lead elsewhere, on every route that takes one, as an admin, as a worker and as a device: whoever may call it
/// gets no file that is not meant, and the server never fails.
/// </summary>
public sealed class IdAttackTests(RunningServer server) : IClassFixture<RunningServer>
{
    public static TheoryData<string> Ids =>
    [
        "..%2F..%2Fkeys%2Froot.key", "%2e%2e%2f%2e%2e%2fkeys%2froot.key", "..%5C..%5Ckeys%5Croot.key", "keys%2Froot.key", "%2Fetc%2Fpasswd",
        "..", "%2E%2E", "~", "%00", "a%00b", "a%0Ab", "%C0%AE%C0%AE%2F", "CON", new string('a', 4000), "-1", "9223372036854775808",
        "%7B%7D",
    ];

    [Theory]
    [MemberData(nameof(Ids))]
    public async Task Id_that_leads_elsewhere_gets_no_file_and_never_an_error_of_the_server(string id)
    {
        var secrets = Directory.GetFiles(server.Folder["keys"]).Where(file => !file.EndsWith(".json", StringComparison.Ordinal))
            .Select(file => File.ReadAllText(file).Trim()).ToList();
        var before = FilesOf(server.Folder.Path);
        using var admin = server.ApiAs(await KeyAsync("operator"));
        using var worker = server.ApiAs(await KeyAsync("worker"));
        using var device = server.DevicesAs((await server.DeviceAsync("walker")).Certificate);
        foreach (var (method, pattern) in Routes())
        {
            foreach (var client in (HttpClient[])[admin, worker, device])
            {
                // As it stands: the client of .NET would tidy the dots away.
                var path = Regex.Replace(pattern, @"\{[^}]+\}", id.Replace("$", "$$", StringComparison.Ordinal));
                var uri = new Uri(client.BaseAddress!, path.TrimStart('/'));
                using var request = new HttpRequestMessage(method, new Uri(uri.AbsoluteUri, new UriCreationOptions
                {
                    DangerousDisablePathAndQueryCanonicalization = true,
                }));
                if (method != HttpMethod.Get && method != HttpMethod.Head)
                    request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
                using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                var status = (int)answer.StatusCode;
                Assert.True(status < 500, $"{method} {path} answered {status}");
                if (answer.Content.Headers.ContentType?.MediaType == "text/event-stream") continue;
                var said = await answer.Content.ReadAsStringAsync();
                Assert.All(secrets, secret => Assert.DoesNotContain(secret, said, StringComparison.Ordinal));
                Assert.DoesNotContain("root:x:0", said, StringComparison.Ordinal);
            }
        }
        Assert.Equal(before, FilesOf(server.Folder.Path));
        Assert.Equal(HttpStatusCode.OK, (await server.Operator.GetAsync("/health")).StatusCode);
    }

    /// <summary>Every route with something in its path that a caller chooses.</summary>
    private IEnumerable<(HttpMethod Method, string Pattern)> Routes()
        => from endpoint in server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
           let pattern = endpoint.RoutePattern.RawText!
           where pattern.Contains('{', StringComparison.Ordinal) && !pattern.Contains("{*", StringComparison.Ordinal)
           from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
           select (new HttpMethod(method), "/" + pattern.TrimStart('/'));

    private async Task<string> KeyAsync(string role) => (await File.ReadAllTextAsync(server.Folder["keys", $"{role}.key"])).Trim();

    /// <summary>Names alone: the database and the trail go on.</summary>
    private static List<string> FilesOf(string folder) => [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order()];
}
