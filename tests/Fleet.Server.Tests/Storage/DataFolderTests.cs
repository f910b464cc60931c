using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Server.Audit;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Storage;

/// <summary>The data folder of the real program: what is lost is refused, and a disk that fills up is told of.</summary>
public sealed class DataFolderTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);
    private const string TokenRequest = """{"uses":1,"validFor":"01:00:00"}""";

    [Theory]
    [InlineData("keys/roots.json", false, "keys/roots.json says whose keys devices trust, and it is missing or empty")]
    [InlineData("keys/ca.key", false, "keys/ca.key is missing")]
    [InlineData("ca.pem", true, "ca.pem is empty")]
    [InlineData("fleet.db", false, "fleet.db is missing")]
    [InlineData("fleet.db", true, "fleet.db is empty")]
    [InlineData("audit.jsonl", false, "audit.jsonl is missing")]
    [InlineData("audit.jsonl", true, "audit.jsonl is empty")]
    [InlineData("fleet-log.db", false, "log of fleet.db is missing or empty")]
    public async Task File_that_is_lost_is_refused_in_one_sentence(string name, bool emptied, string sentence)
    {
        using var folder = new TemporaryFolder();
        await using (var server = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0"))
            Assert.Equal(HttpStatusCode.Created, (await server.PostAsync("/api/v1/tokens", TokenRequest)).StatusCode);
        if (emptied) await File.WriteAllBytesAsync(folder[name], []);
        else File.Delete(folder[name]);

        var refused = await RefusedAsync(folder);

        Assert.Contains(sentence, refused, StringComparison.Ordinal);
        Assert.Contains("backup", refused, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refused, StringComparison.Ordinal);
        Assert.Equal(emptied, File.Exists(folder[name]));
    }

    [Fact]
    public async Task Lost_audit_trail_is_begun_anew_by_the_command_that_the_refusal_names_and_by_nothing_else()
    {
        using var folder = new TemporaryFolder();
        await using (var server = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0"))
            Assert.Equal(HttpStatusCode.Created, (await server.PostAsync("/api/v1/tokens", TokenRequest)).StatusCode);
        Assert.Equal(["The trail begins with its data folder.", "POST /api/v1/tokens"], await TrailAsync(folder));
        var early = await ChildProcess.RunAsync(
            Programs.Server, ["begin-audit-trail", $"--Fleet:DataFolder={folder.Path}"], Deadline);
        Assert.Equal((1, 2), (early.Code, (await TrailAsync(folder)).Count));

        File.Delete(folder["audit.jsonl"]);
        var refused = await RefusedAsync(folder);
        var command = refused[refused.IndexOf("begin-audit-trail", StringComparison.Ordinal)..].Trim().Split(' ');
        Assert.Equal(0, (await ChildProcess.RunAsync(Programs.Server, command, Deadline)).Code);
        await using (var again = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0"))
            Assert.Equal(HttpStatusCode.Created, (await again.PostAsync("/api/v1/tokens", TokenRequest)).StatusCode);

        Assert.Equal(["The trail begins anew: the one before was lost.", "POST /api/v1/tokens"], await TrailAsync(folder));
    }

    [Fact]
    public async Task Audit_trail_that_was_rotated_is_not_lost()
    {
        using var folder = new TemporaryFolder();
        await using (var server = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0"))
        {
            File.Move(folder["audit.jsonl"], folder["audit.jsonl.2"]);
            Assert.Equal(HttpStatusCode.Created, (await server.PostAsync("/api/v1/tokens", TokenRequest)).StatusCode);
            Assert.Equal(
                ["The trail begins anew: its file was moved, removed or emptied while the server ran.", "POST /api/v1/tokens"],
                await TrailAsync(folder));
        }
        File.Move(folder["audit.jsonl"], folder["audit.jsonl.1"]);

        await using var again = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0");

        Assert.Equal(["The trail goes on from audit.jsonl.1, audit.jsonl.2."], await TrailAsync(folder));
    }

    [Fact]
    public async Task Folder_that_a_killed_first_start_has_left_is_completed()
    {
        using var folder = new TemporaryFolder();
        await using (var first = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0")) await first.KillAsync();
        foreach (var later in (string[])["fleet.db", "fleet-log.db", "keys/operator.key", "keys/worker.key"]) File.Delete(folder[later]);
        Assert.Single(await TrailAsync(folder));
        var key = await File.ReadAllBytesAsync(folder["keys", "release.key"]);

        await using var second = await ServerProcess.StartAsync(folder.Path, "--Fleet:Workers=0");

        Assert.Equal(key, await File.ReadAllBytesAsync(folder["keys", "release.key"]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8_000_000)]
    public async Task Full_disk_is_answered_and_told_by_health_and_nothing_acknowledged_is_lost(long reserve)
    {
        using var disk = SmallDisk.Mount();
        string[] settings = ["--Fleet:Workers=0", $"--Fleet:FreeSpaceReserve={reserve}"];
        var acknowledged = 0;
        await using (var server = await ServerProcess.StartAsync(disk.Path, settings))
        {
            async Task<HttpResponseMessage> PostAsync()
            {
                var response = await server.PostAsync("/api/v1/tokens", TokenRequest);
                if (response.StatusCode == HttpStatusCode.Created) acknowledged++;
                return response;
            }

            for (var n = 0; n < 20; n++) await PostAsync();
            Assert.Equal(20, acknowledged);
            Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);

            disk.Fill();
            // The log is a little ahead of what is used, so a few more may find room.
            HttpResponseMessage refused;
            do refused = await PostAsync();
            while (refused.IsSuccessStatusCode);
            for (var n = 0; n < 30; n++) await PostAsync();
            Assert.Equal(HttpStatusCode.InsufficientStorage, refused.StatusCode);
            Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);

            var troubled = await server.Http.GetAsync(new Uri("/health", UriKind.Relative));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, troubled.StatusCode);
            var health = JsonSerializer.Deserialize(await troubled.Content.ReadAsStringAsync(), FleetJson.Default.HealthResponse)!;
            Assert.Contains(health.Problems, problem => problem.Contains("disk", StringComparison.OrdinalIgnoreCase));

            disk.MakeSpace();
            var before = acknowledged;
            for (var n = 0; n < 10; n++) await PostAsync();
            Assert.Equal(before + 10, acknowledged);
            Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync(new Uri("/health", UriKind.Relative))).StatusCode);
            await server.KillAsync();
        }

        await using var again = await ServerProcess.StartAsync(disk.Path, settings);
        var tokens = JsonSerializer.Deserialize(
            await again.Http.GetStringAsync(new Uri("/api/v1/tokens", UriKind.Relative)), FleetJson.Default.IReadOnlyListTokenView)!;
        Assert.Equal(acknowledged, tokens.Count);
    }

    private static async Task<string> RefusedAsync(TemporaryFolder folder)
    {
        var result = await ChildProcess.RunAsync(
            Programs.Server,
            [
                $"--Fleet:DataFolder={folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", "--Fleet:Workers=0",
            ],
            Deadline);
        Assert.Equal(1, result.Code);
        return result.Output;
    }

    private static async Task<IReadOnlyList<string>> TrailAsync(TemporaryFolder folder)
        => [.. (await File.ReadAllLinesAsync(folder["audit.jsonl"]))
            .Select(line => JsonSerializer.Deserialize(line, AuditJson.Default.AuditEntry)!.What)];
}
