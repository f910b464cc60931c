using System.Text.Json;
using System.Text.RegularExpressions;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Validation;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Commands;

/// <summary>Releases as files, by the commands of a person, against real servers.</summary>
public sealed partial class ReleaseFileTests : OnServerTests, IClassFixture<RealServer>
{
    private static readonly string Page = File.ReadAllText(Repository.PathOf("server", "Fleet.Server", "Releases", "README.md"));
    private readonly TemporaryFolder _folder = new();
    private readonly RealReleases _releases;

    public ReleaseFileTests(RealServer server) : base(server) => _releases = new RealReleases(server);

    /// <summary>A stranger has openssl and the public key, nothing of this product, and builds the signed bytes himself.</summary>
    [Fact]
    public async Task Exported_release_is_verified_by_openssl_with_the_commands_of_its_page_and_a_changed_one_is_not()
    {
        await _releases.CreateAsync("vibration");
        var commands = Block().Match(Page[Page.IndexOf("checked by hand with openssl", StringComparison.Ordinal)..]).Groups[1].Value;
        var checks = commands[commands.IndexOf("openssl dgst", StringComparison.Ordinal)..];

        var good = await BashAsync(commands);
        Assert.True(good.Code == 0, good.Output);
        Assert.Contains("Verified OK", good.Output, StringComparison.Ordinal);
        Assert.Matches("release.json: OK(.|\n)*validation.npz: OK(.|\n)*x64-int8.onnx: OK", good.Output);

        await ChangeAsync("vibration-1/x64-int8.onnx");
        var changed = await BashAsync(checks);
        Assert.NotEqual(0, changed.Code);
        Assert.Contains("x64-int8.onnx: FAILED", changed.Output, StringComparison.Ordinal);

        await ChangeAsync("signed");
        var forged = await BashAsync(checks);
        Assert.NotEqual(0, forged.Code);
        Assert.Contains("Verification failure", forged.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bundle_is_exported_verified_and_imported_twice_without_a_change()
    {
        var file = await ExportAsync("hearing");
        var verified = await JsonOfAsync("releases", "show", "hearing", "1");
        Assert.Equal(0, await Shell.RunAsync("releases", "verify", file, "--trusted-key", await KeyAsync()));
        Assert.Contains(
            "by worker test with key worker, on a processor", Words(await TextOfAsync("releases", "show", "hearing", "1")),
            StringComparison.Ordinal);
        for (var n = 0; n < 2; n++)
        {
            var imported = await JsonOfAsync("releases", "import", file);
            Assert.Equal(verified.GetRawText(), imported.GetRawText());
        }
    }

    [Fact]
    public async Task Bundle_comes_back_with_its_number_on_a_server_that_lost_what_it_holds_and_gets_its_artifacts_back()
    {
        var manifest = await _releases.CreateAsync("sight");
        var file = _folder["sight.tar"];
        await TextOfAsync("releases", "export", "sight", "1", "--out", file);
        var artifact = Server.DataPathOf(Path.Combine("artifacts", manifest.Variants[0].Artifact.Sha256));
        File.Delete(artifact);
        Assert.Equal(1, await RunAsync("releases", "export", "sight", "1", "--out", _folder["again.tar"]));
        Assert.Contains("are missing on the server", Shell.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["again.tar"]));
        await TextOfAsync("releases", "import", file);
        Assert.Equal(manifest.Variants[0].Artifact.Bytes, new FileInfo(artifact).Length);
        await TextOfAsync("releases", "export", "sight", "1", "--out", _folder["again.tar"]);
    }

    /// <summary>It was followed by the line that rolls it out.</summary>
    [Fact]
    public async Task Import_of_a_release_that_was_withdrawn_here_says_so()
    {
        await _releases.CreateAsync("scent");
        var file = _folder["scent.tar"];
        await TextOfAsync("releases", "export", "scent", "1", "--out", file);
        Assert.Contains("rollouts start", await TextOfAsync("releases", "import", file), StringComparison.Ordinal);
        await TextOfAsync("releases", "withdraw", "scent", "1", "--yes");
        Assert.DoesNotContain("rollouts start", await TextOfAsync("releases", "import", file), StringComparison.Ordinal);
        Assert.Contains("Release scent 1 was withdrawn here", Shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task File_that_is_not_there_not_a_bundle_cut_or_of_a_newer_form_ends_with_1_and_says_what_it_is()
    {
        var whole = await File.ReadAllBytesAsync(await ExportAsync("touch"));
        await RefusedAsync(null, "cannot be read");
        await RefusedAsync([], "cut short");
        await RefusedAsync([.. "model: vibration"u8], "cut short");
        await RefusedAsync(new byte[4096], $"It holds no {BundleFormat.EnvelopeName}");
        await RefusedAsync(whole[..(whole.Length / 2)], "cut short");
        // What a later form adds is not passed over: nobody has signed that it may be.
        await RefusedAsync([.. TestBundle.Of([("format.json", [.. "{}"u8])])], $"it must be {BundleFormat.EnvelopeName}");
        await RefusedAsync([.. whole[..^1024], .. TestBundle.Of([("weights.bin", [1])])], "which the release does not name");
    }

    [Fact]
    public async Task Release_of_another_fleet_is_refused_by_import_and_by_verify()
    {
        await using var other = new RealServer();
        await other.InitializeAsync();
        using (var releases = new RealReleases(other)) await releases.CreateAsync("foreign");
        var file = _folder["foreign.tar"];
        Assert.Equal(0, await Shell.RunAsync(
            "releases", "export", "foreign", "1", "--out", file, "--server", other.Api, "--key-file", other.KeyFile));
        Assert.Equal(1, await RunAsync("releases", "import", file));
        Assert.Contains("This is not a bundle that can be taken: Signed by", Words(Shell.Error), StringComparison.Ordinal);
        Assert.Equal(1, await Shell.RunAsync("releases", "verify", file, "--trusted-key", await KeyAsync()));
        Assert.Contains("is not trusted", Words(Shell.Error), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Release_that_is_not_there_is_not_exported_and_leaves_no_file()
    {
        Assert.Equal(1, await RunAsync("releases", "export", "nothing", "7", "--out", _folder["nothing.tar"]));
        Assert.Contains("There is no release nothing 7", Words(Shell.Error), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    [Fact]
    public async Task Export_to_a_folder_that_is_not_there_ends_with_1_and_names_the_path()
    {
        await _releases.CreateAsync("smell");
        Assert.Equal(1, await RunAsync("releases", "export", "smell", "1", "--out", _folder["no", "such", "smell.tar"]));
        Assert.Contains("cannot be written", Words(Shell.Error), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public async Task Withdrawn_release_stays_withdrawn_is_asked_about_first_and_its_build_is_signed_again()
    {
        var manifest = await _releases.CreateAsync("taste");
        Assert.Equal(2, await RunAsync("releases", "withdraw", "taste", "1"));
        Assert.Contains("repeat the command with --yes", Words(Shell.Error), StringComparison.Ordinal);
        var withdrawn = await JsonOfAsync("releases", "withdraw", "taste", "1", "--yes");
        var again = await JsonOfAsync("releases", "withdraw", "taste", "1", "--yes");
        Assert.Equal(withdrawn.GetProperty("withdrawnAt").GetString(), again.GetProperty("withdrawnAt").GetString());
        var created = await JsonOfAsync("releases", "create", manifest.Build);
        Assert.Equal(2, created.GetProperty("manifest").GetProperty("version").GetInt32());
        Assert.Equal(1, await RunAsync("releases", "withdraw", "taste", "9", "--yes"));
        Assert.Contains("There is no release taste 9", Words(Shell.Error), StringComparison.Ordinal);
    }

    /// <summary>T5: it was said after it had been signed, and where it was rolled out not at all.</summary>
    [Fact]
    public async Task Who_measured_what_is_said_before_a_release_is_signed_and_before_it_is_rolled_out()
    {
        var build = await _releases.BuildAsync("touch", LatencySummary.OfMilliseconds(1, 2, 3));
        var said = Words(await TextOfAsync("releases", "create", build));
        var before = said.IndexOf("Who measured what", StringComparison.Ordinal);
        Assert.InRange(before, 0, said.IndexOf("is signed by", StringComparison.Ordinal));
        Assert.Contains("Server nothing: it takes figures, verdicts and samples as the worker says them", said, StringComparison.Ordinal);
        Assert.Contains("accuracy, latency p50, latency p95, latency p99, by worker test with key worker, on a processor", said,
            StringComparison.Ordinal);
        Assert.Contains("Nobody nothing of what is promised", said, StringComparison.Ordinal);
        // Signed already: nothing is asked and nothing new is said of it.
        Assert.DoesNotContain("Who measured", await TextOfAsync("releases", "create", build), StringComparison.Ordinal);

        foreach (var dryRun in (string[][])[["--dry-run"], []])
        {
            var from = Shell.Output.Length;
            // There is no device: it was said before that was found.
            Assert.Equal(1, await RunAsync(["rollouts", "start", "--model", "touch", "--version", "1", "--waves", "100%", .. dryRun]));
            Assert.Contains("There is no device", Words(Shell.Error), StringComparison.Ordinal);
            var start = Words(Shell.Output[from..]);
            Assert.StartsWith("Who measured touch 1: the server: nothing", start, StringComparison.Ordinal);
            Assert.Contains("by worker test with key worker, on a processor", start, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_nobody_measured_is_asked_about_before_it_is_signed_and_said_where_nobody_can_answer()
    {
        Assert.Equal(1, VersionOf(await JsonOfAsync("releases", "create", await _releases.BuildAsync("warmth"))));
        Assert.Contains("Nobody measured the latency of x64-int8", Words(Shell.Error), StringComparison.Ordinal);

        var build = await _releases.BuildAsync("balance");
        Shell.Answers = "n\n";
        Assert.Equal(1, await RunAsync("releases", "create", build));
        Assert.Contains("Nobody the latency of x64-int8", Words(Shell.Output), StringComparison.Ordinal);
        Assert.Equal("[]", (await JsonOfAsync("releases", "list", "--model", "balance")).GetRawText());

        Shell.Answers = "y\n";
        Assert.Contains("is signed by key", Words(await TextOfAsync("releases", "create", build)), StringComparison.Ordinal);
        Shell.Answers = "n\n";
        Assert.Equal(1, VersionOf(await JsonOfAsync("releases", "create", build)));
        Assert.Equal(2, VersionOf(await JsonOfAsync("releases", "create", await _releases.BuildAsync("balance"), "--yes")));

        static int VersionOf(JsonElement release) => release.GetProperty("manifest").GetProperty("version").GetInt32();
    }

    public override void Dispose()
    {
        _releases.Dispose();
        _folder.Dispose();
        base.Dispose();
    }

    private static string Words(string text) => Space().Replace(text, " ");

    private async Task<string> ExportAsync(string model)
    {
        await _releases.CreateAsync(model);
        var file = _folder[$"{model}.tar"];
        await TextOfAsync("releases", "export", model, "1", "--out", file);
        return file;
    }

    private async Task RefusedAsync(byte[]? content, string why)
    {
        var file = _folder["refused.tar"];
        File.Delete(file);
        if (content is not null) await File.WriteAllBytesAsync(file, content);
        var before = Shell.Error.Length;
        Assert.Equal(1, await RunAsync("releases", "import", file));
        Assert.Contains(why, Words(Shell.Error[before..]), StringComparison.Ordinal);
    }

    /// <summary>The public key of releases, as the page gets it.</summary>
    private async Task<string> KeyAsync()
    {
        var command = Block().Match(Page).Groups[1].Value;
        var done = await BashAsync(command[..command.IndexOf("fleet releases export", StringComparison.Ordinal)]);
        Assert.True(done.Code == 0, done.Output);
        return _folder["release-key.pem"];
    }

    private async Task ChangeAsync(string path)
    {
        var content = await File.ReadAllBytesAsync(_folder[path]);
        content[^1] ^= 1;
        await File.WriteAllBytesAsync(_folder[path], content);
    }

    private Task<ProcessResult> BashAsync(string commands) => ChildProcess.RunAsync(
        "bash", ["-ec", $"set -o pipefail\ncd '{_folder.Path}'\nfleet() {{ '{Programs.Cli}' \"$@\"; }}\n{commands}"],
        TimeSpan.FromMinutes(2),
        new Dictionary<string, string?> { ["FLEET_SERVER"] = Server.Api, ["FLEET_KEY_FILE"] = Server.KeyFile });

    [GeneratedRegex("```bash\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
