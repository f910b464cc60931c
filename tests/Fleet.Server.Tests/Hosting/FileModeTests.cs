using System.Security.Cryptography;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Hosting;

/// <summary>T14: a server that is started by hand, with the umask of most systems.</summary>
public sealed class FileModeTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Database_audit_trail_keys_and_artifacts_are_the_servers_alone_whatever_the_umask()
    {
        using var folder = new TemporaryFolder();
        var (program, arguments) = FileModes.WithOpenUmask(
            Programs.Server, $"--Fleet:DataFolder={folder["data", "fleet"]}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0",
            "--Fleet:MqttPort=0", "--Fleet:Workers=0");
        await using var server = ChildProcess.Start(program, arguments);
        await Eventually.TrueAsync("the server listens", () => server.HasExited
            ? throw new InvalidOperationException(server.Output)
            : File.Exists(folder["data", "fleet", "endpoints.json"]), Deadline);
        using var endpoints = System.Text.Json.JsonDocument.Parse(await File.ReadAllTextAsync(folder["data", "fleet", "endpoints.json"]));
        using var worker = new HttpClient { BaseAddress = new Uri(endpoints.RootElement.GetProperty("api").GetString()!) };
        worker.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(
            folder["data", "fleet", "keys", "worker.key"])).Trim());
        byte[] bytes = [1, 2, 3];
        var uploaded = await worker.PutAsync(
            new Uri($"/api/v1/worker/artifacts/{Convert.ToHexStringLower(SHA256.HashData(bytes))}", UriKind.Relative),
            new ByteArrayContent(bytes));
        Assert.True(uploaded.IsSuccessStatusCode, await uploaded.Content.ReadAsStringAsync());

        Assert.Empty(FileModes.OpenToOthers(folder.Path));
        Assert.True(Directory.EnumerateFiles(folder["data", "fleet"], "*", SearchOption.AllDirectories).Count() > 6);
    }
}
