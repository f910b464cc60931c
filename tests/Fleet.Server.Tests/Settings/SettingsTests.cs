using Fleet.Server.Settings;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Settings;

public sealed class SettingsTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        var refusal = Assert.Throws<SettingsException>(() => Program.Create(
            ["--Fleet:ApiPort=70000", "--Fleet:ListenAddress=everywhere", "--Fleet:PublicHost=a b", "--Fleet:Workers=-1", "--Fleet:DataFoler=/tmp"]));
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
    public void Value_that_does_not_read_is_named(string argument, string key)
        => Assert.Contains(key, Assert.Throws<SettingsException>(() => Program.Create([argument])).Message, StringComparison.Ordinal);

    [Fact]
    public void Ports_must_differ()
        => Assert.Contains("differ", Assert.Throws<SettingsException>(() => Program.Create(["--Fleet:ApiPort=9000", "--Fleet:MqttPort=9000"])).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Program_with_wrong_settings_ends_with_2_and_says_why()
    {
        using var folder = new TemporaryFolder();
        var result = await ChildProcess.RunAsync(Programs.Server, ["--Fleet:Workers=99"], Deadline, workingFolder: folder.Path);
        Assert.Equal(2, result.Code);
        Assert.Equal("Fleet:Workers 99 must be within 0..64.", result.Output);
    }

    [Fact]
    public async Task Second_server_on_one_data_folder_does_not_start()
    {
        await using var first = new RunningServer();
        await first.InitializeAsync();
        var result = await ChildProcess.RunAsync(
            Programs.Server, [$"--Fleet:DataFolder={first.Folder.Path}", "--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0", "--Fleet:Workers=0"], Deadline);
        Assert.Equal(1, result.Code);
        Assert.Contains("in use by another server", result.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(first.Folder["endpoints.json"]));
    }

    [Fact]
    public async Task Help_names_every_setting()
    {
        var result = await ChildProcess.RunAsync(Programs.Server, ["--help"], Deadline);
        Assert.Equal(0, result.Code);
        Assert.All(typeof(FleetOptions).GetProperties(), property => Assert.Contains($"Fleet:{property.Name} ", result.Output, StringComparison.Ordinal));
    }
}
