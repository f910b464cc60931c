using System.Text.Json;
using Fleet.Cli.Tests.Client;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary>Keys and roots in files that people name, against a real server.</summary>
public sealed class KeyFileTests(RealServer server) : OnServerTests(server), IClassFixture<RealServer>
{
    private readonly TemporaryFolder _folder = new();

    public override void Dispose()
    {
        _folder.Dispose();
        base.Dispose();
    }

    [Theory]
    [InlineData("keys new --out {0}/no/such/root.key", "no/such/root.key")]
    [InlineData("keys prepare releases --out {0}/no/such/root.json --server {1} --key-file {2}", "no/such/root.json")]
    [InlineData("keys sign {0}/none.json --key {0}/none.key", "none.json")]
    [InlineData("keys apply {0}/none.json --server {1} --key-file {2}", "none.json")]
    [InlineData("keys prepare root --root-key {0}/none.pem --out {0}/root.json --server {1} --key-file {2}", "none.pem")]
    public async Task File_that_cannot_be_read_or_written_ends_with_1_and_is_named(string command, string file)
    {
        var words = command.Split(' ').Select(word => string.Format(null, word, _folder.Path, Server.Api, Server.KeyFile));
        Assert.Equal(1, await Shell.RunAsync([.. words]));
        Assert.Contains(file, string.Concat(Shell.Error.Split('\n')), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    /// <summary>Asked again, it left root keys behind that belong to nothing.</summary>
    [Fact]
    public async Task Root_is_taken_offline_into_a_folder_that_was_not_there_and_only_once()
    {
        await TextOfAsync("keys", "offline", "--out", _folder["safe"], "--keys", "2", "--threshold", "2", "--yes");
        Assert.Equal(2, Directory.GetFiles(_folder["safe"]).Length);

        Assert.Equal(1, await RunAsync("keys", "offline", "--out", _folder["other"], "--yes"));
        Assert.Contains("fleet keys prepare root", Shell.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["other"]));
    }

    /// <summary>On a full disk an empty file was left, which then stood in the way.</summary>
    [Fact]
    public async Task Key_that_cannot_be_written_leaves_no_file()
    {
        var made = await ChildProcess.RunAsync(
            "/bin/sh", ["-c", $"trap '' XFSZ; ulimit -f 0; exec '{Programs.Cli}' keys new --out '{_folder["root.key"]}'"],
            TimeSpan.FromSeconds(60), new Dictionary<string, string?> { ["DOTNET_EnableWriteXorExecute"] = "0" });
        Assert.NotEqual(0, made.Code);
        Assert.Contains("too large", made.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    /// <summary>Of two operators who replaced a key at once, one was told to prepare and sign a root by hand.</summary>
    [Fact]
    public async Task Of_two_who_replace_keys_at_once_one_is_told_to_repeat_it()
    {
        using var fleet = new SignedFleet();
        var before = new KeysView(fleet.Root, fleet.Root.Fleet, [], DateTimeOffset.UnixEpoch, 0);
        fleet.Rotate();
        var third = fleet.Rotate();
        using var canned = new CannedServer(
            CannedServer.Answer("200 OK", JsonSerializer.Serialize(before, FleetJson.Default.KeysView)),
            CannedServer.Answer("200 OK", JsonSerializer.Serialize(third, FleetJson.Default.DsseEnvelope)));
        Assert.Equal(1, await Shell.RunAsync("keys", "rotate", "orders", "--yes", "--server", $"{canned.Url}"));
        Assert.Equal(
            "fleet: Somebody else changed the keys meanwhile, and nothing of this was done: repeat the command.", Shell.Error.Trim());
    }
}
