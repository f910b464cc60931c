using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Fleet.Server.Settings;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Settings;

public sealed class SettingsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Everything_that_is_wrong_is_said_at_once()
    {
        var refusal = await Assert.ThrowsAsync<SettingsException>(() => Program.CreateAsync(
            [
                "--Fleet:ApiPort=70000", "--Fleet:ListenAddress=everywhere", "--Fleet:PublicHost=a b", "--Fleet:Workers=-1",
                "--Fleet:DataFoler=/tmp",
            ]));
        Assert.Collection(
            refusal.Problems,
            problem => Assert.Contains("DataFoler", problem, StringComparison.Ordinal),
            problem => Assert.Contains("everywhere", problem, StringComparison.Ordinal),
            problem => Assert.Contains("70000", problem, StringComparison.Ordinal),
            problem => Assert.Contains("'a b'", problem, StringComparison.Ordinal),
            problem => Assert.Contains("-1", problem, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--Fleet:ApiPort=eight", "Fleet:ApiPort")]
    [InlineData("--Fleet:TelemetryRetention=soon", "Fleet:TelemetryRetention")]
    public async Task Value_that_does_not_read_is_named(string argument, string key)
        => Assert.Contains(key, (await Assert.ThrowsAsync<SettingsException>(() => Program.CreateAsync([argument]))).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task Ports_must_differ()
        => Assert.Contains("differ",
            (await Assert.ThrowsAsync<SettingsException>(
                () => Program.CreateAsync(["--Fleet:ApiPort=9000", "--Fleet:MqttPort=9000"]))).Message,
            StringComparison.Ordinal);

    [Fact]
    public async Task Misspelled_section_is_refused_like_a_misspelled_setting()
        => Assert.Equal(
            ["Fleet:Models:LeaseTime is not a setting; --help lists them."],
            (await Assert.ThrowsAsync<SettingsException>(() => Program.CreateAsync(["--Fleet:Models:LeaseTime=00:00:06"]))).Problems);

    [Theory]
    [InlineData("--Fleet:Builds:LeaseTime=00:00:00", "Fleet:Builds:LeaseTime 00:00:00 must be within 00:00:01 and 1.00:00:00.")]
    [InlineData("--Fleet:Builds:MaximumAttempts=0", "Fleet:Builds:MaximumAttempts 0 must be within 1 and 100.")]
    public async Task Every_room_judges_its_settings_before_anything_is_opened(string argument, string problem)
        => Assert.Equal([problem], (await Assert.ThrowsAsync<SettingsException>(() => Program.CreateAsync([argument]))).Problems);

    [Theory]
    [InlineData("--verison", "'--verison' is not understood; --help lists the settings.")]
    [InlineData("start", "'start' is not understood; --help lists the settings.")]
    [InlineData("--Fleet:Workers=99", "Fleet:Workers 99 must be within 0 and 64.")]
    public async Task Program_with_a_wrong_command_line_ends_with_2_says_why_and_writes_nothing(string argument, string problem)
    {
        using var folder = new TemporaryFolder();
        var result = await ChildProcess.RunAsync(Programs.Server, [argument], Deadline, workingFolder: folder.Path);
        Assert.Equal(2, result.Code);
        Assert.Equal(problem, result.Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Version_is_printed_and_nothing_is_written()
    {
        using var folder = new TemporaryFolder();
        var result = await ChildProcess.RunAsync(Programs.Server, ["--version"], Deadline, workingFolder: folder.Path);
        Assert.Equal(0, result.Code);
        Assert.Equal(ServerVersion.Current, result.Output);
        Assert.Matches(@"^\d+\.\d+\.\d+", result.Output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public async Task Second_server_on_one_data_folder_says_one_sentence()
    {
        await using var first = new RunningServer();
        await first.InitializeAsync();
        var result = await StartAsync(first.Folder.Path);
        Assert.Equal(1, result.Code);
        Assert.Equal($"The server cannot start: {first.Folder.Path} is in use by another server.", result.Output);
        Assert.True(File.Exists(first.Folder["endpoints.json"]));
    }

    [Fact]
    public async Task Port_in_use_is_one_sentence()
    {
        using var folder = new TemporaryFolder();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var result = await StartAsync(folder.Path, $"--Fleet:DevicePort={port}");
        Assert.Equal(1, result.Code);
        Assert.Equal($"The server cannot start: Failed to bind to address https://127.0.0.1:{port}: address already in use.",
            LastLineOf(result.Output));
        Assert.DoesNotContain("   at ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damaged_key_is_one_sentence()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["keys"]);
        await File.WriteAllTextAsync(folder["keys", "release.key"], "no key");
        var result = await StartAsync(folder.Path);
        Assert.Equal(1, result.Code);
        Assert.StartsWith($"The server cannot start: {folder["keys", "release.key"]}", LastLineOf(result.Output), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Relative_data_folder_starts_at_the_folder_the_server_was_started_in()
    {
        using var folder = new TemporaryFolder();
        await using var server = await ServerProcess.StartWithRelativeFolderAsync(folder.Path, "fleet-data");
        var content = "an artifact"u8.ToArray();
        var sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
        using var sent = new ByteArrayContent(content);
        using var stored = await server.Http.PutAsync(new Uri($"/api/v1/worker/artifacts/{sha256}", UriKind.Relative), sent);
        Assert.Equal(HttpStatusCode.Created, stored.StatusCode);
        Assert.Equal(content, await server.Http.GetByteArrayAsync(new Uri($"/api/v1/artifacts/{sha256}", UriKind.Relative)));
    }

    [Fact]
    public async Task Help_tells_every_setting_with_its_default_and_a_sentence_in_80_columns()
    {
        var result = await ChildProcess.RunAsync(Programs.Server, ["--help"], Deadline);
        Assert.Equal(0, result.Code);
        Assert.All(Settings(), setting =>
        {
            Assert.Contains($"  {setting.Key}  [{setting.Default}]", result.Output, StringComparison.Ordinal);
            Assert.EndsWith(".", setting.Meaning, StringComparison.Ordinal);
        });
        Assert.All(result.Output.Split('\n'), line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public void Page_of_the_settings_says_what_help_says()
    {
        var table = string.Join('\n', Settings().Select(setting => $"| `{setting.Key}` | `{setting.Default}` | {setting.Meaning} |"));
        Assert.Contains(table, File.ReadAllText(Repository.PathOf("server", "Fleet.Server", "Settings", "README.md")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Documents_name_only_settings_that_exist()
    {
        var known = Settings().Select(setting => setting.Key).ToHashSet();
        var named =
            from folder in (string[])["README.md", "server", "deploy", "agent"]
            from file in File.Exists(Repository.PathOf(folder))
                ? [Repository.PathOf(folder)]
                : Directory.EnumerateFiles(Repository.PathOf(folder), "*", SearchOption.AllDirectories)
            where Path.GetExtension(file) is ".md" or ".yaml" or ".service" or ".example" or ".Dockerfile" or ".sh"
            from Match match in Regex.Matches(File.ReadAllText(file), @"\bFleet(?:__|:)\w+(?:(?:__|:)\w+)*")
            select (file, Key: match.Value.Replace("__", ":", StringComparison.Ordinal));
        Assert.All(named, name => Assert.True(known.Contains(name.Key), $"{name.file} names {name.Key}, which is not a setting."));
    }

    private static IEnumerable<Setting> Settings() => Program.Rooms.SelectMany(Setting.Of);

    private static string LastLineOf(string output) => output.Split('\n')[^1];

    private static Task<ProcessResult> StartAsync(string folder, params string[] more) => ChildProcess.RunAsync(
        Programs.Server, [
            $"--Fleet:DataFolder={folder}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", "--Fleet:Workers=0", .. more,
        ], Deadline);
}
