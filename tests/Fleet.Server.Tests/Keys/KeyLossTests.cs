using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Keys;

/// <summary>
/// Keys and database that do not belong together, in the real program. A lost <c>roots.json</c> together with <c>orders.key</c>, once the
/// root's key was in a safe, silently began a new fleet that no device of the old one obeys.
/// </summary>
public sealed class KeyLossTests : IDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);
    private static readonly string[] Lost = ["roots.json", "orders.key", "root.key"];
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _safe = new();

    private string Keys => _folder["keys"];

    public void Dispose()
    {
        _folder.Dispose();
        _safe.Dispose();
    }

    [Fact]
    public async Task Roots_lost_with_the_key_of_orders_begin_no_new_fleet_and_come_back_by_the_command_that_the_refusal_names()
    {
        string fleet;
        await using (var server = await StartAsync()) fleet = (await KeysOf(server)).Root.Fleet;
        File.Copy(Path.Combine(Keys, "root.key"), _safe["root.key"]);
        foreach (var file in Lost) File.Delete(Path.Combine(Keys, file));

        var refused = await RefusedAsync();

        Assert.Contains("roots.json", refused, StringComparison.Ordinal);
        Assert.Contains("backup", refused, StringComparison.Ordinal);
        Assert.All(Lost, file => Assert.False(File.Exists(Path.Combine(Keys, file)), file));

        await RestoreAsync(refused);
        // The root's key comes out of its safe, and signs a new key of orders.
        File.Copy(_safe["root.key"], Path.Combine(Keys, "root.key"));
        await using var again = await StartAsync();
        Assert.Equal((1, fleet), ((await KeysOf(again)).Root.Version, (await KeysOf(again)).Root.Fleet));
        Assert.Contains("fleet keys rotate orders", await HealthAsync(again, HttpStatusCode.ServiceUnavailable), StringComparison.Ordinal);
        await RotateOrdersAsync(again);
        await HealthAsync(again, HttpStatusCode.OK);
    }

    [Fact]
    public async Task Release_key_lost_with_everything_else_of_the_folder_begins_no_new_fleet()
    {
        await using (await StartAsync())
        {
        }
        foreach (var file in (string[])[.. Lost, "release.key"]) File.Delete(Path.Combine(Keys, file));
        await RestoreAsync(await RefusedAsync());
        await using var again = await StartAsync();
        Assert.Equal(
            2, (await HealthAsync(again, HttpStatusCode.ServiceUnavailable))
                .Split("fleet keys rotate", StringSplitOptions.None).Length - 1);
    }

    [Fact]
    public async Task Keys_from_an_older_backup_than_the_database_are_refused_and_mended_by_the_command()
    {
        await using (var server = await StartAsync())
        {
            Copy(Keys, _safe.Path);
            await RotateOrdersAsync(server);
        }
        Copy(_safe.Path, Keys);

        var refused = await RefusedAsync();

        Assert.Contains("roots.json", refused, StringComparison.Ordinal);
        Assert.Contains("root 2: the keys are from an older backup", refused, StringComparison.Ordinal);
        await RestoreAsync(refused);
        await using var again = await StartAsync();
        using var noted = JsonDocument.Parse(await again.Http.GetStringAsync(new Uri("/api/v1/audit", UriKind.Relative)));
        Assert.Single(noted.RootElement.EnumerateArray(), line => line.GetProperty("from").GetString() == "fleet-server restore-roots");
        using var chain = JsonDocument.Parse(await again.Http.GetStringAsync(new Uri("/api/v1/audit/verification", UriKind.Relative)));
        Assert.Empty(chain.RootElement.GetProperty("problems").EnumerateArray());
        Assert.Equal(2, (await KeysOf(again)).Root.Version);
        Assert.Contains("orders.key", await HealthAsync(again, HttpStatusCode.ServiceUnavailable), StringComparison.Ordinal);
        await RotateOrdersAsync(again);
        await HealthAsync(again, HttpStatusCode.OK);
    }

    [Fact]
    public async Task Database_from_an_older_backup_than_the_keys_goes_on_with_the_newer_keys()
    {
        await using (await StartAsync())
        {
        }
        Copy(_folder.Path, _safe.Path);
        await using (var server = await StartAsync()) await RotateOrdersAsync(server);
        foreach (var file in (string[])["fleet.db", "fleet-log.db"]) File.Copy(_safe[file], _folder[file], overwrite: true);

        await using (var again = await StartAsync()) Assert.Equal(2, (await KeysOf(again)).Root.Version);

        // It is known now: the older keys are refused from here on.
        Copy(_safe["keys"], Keys);
        Assert.Contains("older backup", await RefusedAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_of_another_fleet_are_refused()
    {
        await using (await StartAsync())
        {
        }
        await using (await ServerProcess.StartAsync(_safe.Path, "--Fleet:Workers=0"))
        {
        }
        var authority = await File.ReadAllBytesAsync(Path.Combine(Keys, "ca.key"));
        Copy(_safe["keys"], Keys);
        Assert.Contains("ca.key cannot be read", await RefusedAsync(), StringComparison.Ordinal);
        await File.WriteAllBytesAsync(Path.Combine(Keys, "ca.key"), authority);
        Assert.Contains("not those that the database knows", await RefusedAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Command_that_restores_roots_changes_nothing_where_nothing_was_lost()
    {
        await using (await StartAsync())
        {
        }
        var roots = await File.ReadAllBytesAsync(Path.Combine(Keys, "roots.json"));
        var early = await ChildProcess.RunAsync(Programs.Server, ["restore-roots", $"--Fleet:DataFolder={_folder.Path}"], Deadline);
        Assert.Equal(1, early.Code);
        Assert.Contains("nothing was changed", early.Output, StringComparison.Ordinal);
        Assert.Equal(roots, await File.ReadAllBytesAsync(Path.Combine(Keys, "roots.json")));
    }

    private Task<ServerProcess> StartAsync() => ServerProcess.StartAsync(_folder.Path, "--Fleet:Workers=0");

    private async Task<string> RefusedAsync()
    {
        var result = await ChildProcess.RunAsync(
            Programs.Server,
            [
                $"--Fleet:DataFolder={_folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0",
                "--Fleet:Workers=0",
            ],
            Deadline);
        Assert.Equal(1, result.Code);
        Assert.DoesNotContain("   at ", result.Output, StringComparison.Ordinal);
        return result.Output;
    }

    /// <summary>Runs the command of a refusal as it stands there.</summary>
    private static async Task RestoreAsync(string refused)
    {
        var command = refused[refused.IndexOf("restore-roots", StringComparison.Ordinal)..].Split(';')[0].Split(' ');
        var result = await ChildProcess.RunAsync(Programs.Server, command, Deadline);
        Assert.True(result.Code == 0, result.Output);
    }

    private static async Task<KeysView> KeysOf(ServerProcess server)
        => JsonSerializer.Deserialize(
            await server.Http.GetStringAsync(new Uri("/api/v1/keys", UriKind.Relative)), FleetJson.Default.KeysView)!;

    private static async Task<string> HealthAsync(ServerProcess server, HttpStatusCode expected)
    {
        using var health = await server.Http.GetAsync(new Uri("/health", UriKind.Relative));
        var said = await health.Content.ReadAsStringAsync();
        Assert.True(expected == health.StatusCode, said);
        return said;
    }

    private static async Task RotateOrdersAsync(ServerProcess server)
    {
        using var prepared = await server.PostAsync(
            "/api/v1/keys/changes", JsonSerializer.Serialize(new RootChange { Orders = true }, FleetJson.Default.RootChange));
        var root = await prepared.Content.ReadAsStringAsync();
        Assert.NotNull(JsonSerializer.Deserialize(root, FleetJson.Default.DsseEnvelope));
        using var applied = await server.PostAsync("/api/v1/keys/roots", root);
        Assert.True(applied.IsSuccessStatusCode, await applied.Content.ReadAsStringAsync());
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy, overwrite: true);
        }
    }
}
