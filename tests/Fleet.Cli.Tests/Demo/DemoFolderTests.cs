using System.Runtime.Versioning;
using Fleet.Cli.Client;
using Fleet.Cli.Demo;
using Fleet.Cli.Terminal;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Demo;

/// <summary>Where a demo keeps what it makes, and what it leaves.</summary>
[SupportedOSPlatform("linux")]
public sealed class DemoFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ports_of_an_earlier_demo_are_kept_since_devices_know_the_server_by_them()
    {
        var first = Create();
        Assert.Equal(["--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0"], first.PortSettings());
        first.KeepPorts(new Dictionary<string, string>
        {
            ["api"] = "http://127.0.0.1:1001",
            ["devices"] = "https://127.0.0.1:1002",
            ["mqtt"] = "127.0.0.1:1003",
        });
        Assert.Equal(["--Fleet:ApiPort=1001", "--Fleet:DevicePort=1002", "--Fleet:MqttPort=1003"], Create().PortSettings());
    }

    [Fact]
    public void Folder_of_a_demo_that_failed_before_its_server_listened_is_taken_again()
    {
        File.WriteAllText(Path.Combine(Create().Logs, "server.log"), "The disk is full.");
        Assert.Equal(["--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0"], Create().PortSettings());
    }

    [Fact]
    public void Folder_of_somebody_else_is_not_used()
    {
        File.WriteAllText(_folder["thesis.tex"], "mine");
        var refusal = Assert.Throws<FleetException>(() => Create());
        Assert.Equal(ExitCode.Usage, refusal.Code);
        Assert.Equal($"The folder {_folder.Path} is not empty and not an earlier demo's.", refusal.Lines[0]);
        Assert.Equal(["thesis.tex"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Folder_that_cannot_be_made_is_named()
    {
        File.WriteAllText(_folder["file"], "");
        var refusal = Assert.Throws<FleetException>(() => DemoFolder.Create(_folder["file", "below"], keep: false));
        Assert.StartsWith($"The folder {_folder["file", "below"]} cannot be used:", refusal.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Device_is_enrolled_once_it_has_its_identity()
    {
        var demo = Create();
        Assert.False(demo.IsEnrolled("demo-x64"));
        Directory.CreateDirectory(demo.Device("demo-x64"));
        File.WriteAllText(Path.Combine(demo.Device("demo-x64"), "identity.json"), "{}");
        Assert.True(demo.IsEnrolled("demo-x64"));
        Assert.False(demo.IsEnrolled("demo-arm"));
    }

    [Theory]
    [InlineData(false, false, false)]
    [InlineData(false, true, true)]
    [InlineData(true, false, true)]
    public void Temporary_folder_is_removed_unless_it_is_to_be_kept_or_something_failed(bool keep, bool failed, bool left)
    {
        var demo = DemoFolder.Create(null, keep);
        try
        {
            Assert.Equal(left, demo.CleanUp(keepLogs: failed));
            Assert.Equal(left, Directory.Exists(demo.Root));
            Assert.Equal(keep, Directory.Exists(demo.Server));
            Assert.Equal(left, Directory.Exists(demo.Logs));
        }
        finally
        {
            if (Directory.Exists(demo.Root)) Directory.Delete(demo.Root, recursive: true);
        }
    }

    [Fact]
    public void Named_folder_is_never_removed()
    {
        Assert.True(Create().CleanUp(keepLogs: false));
        Assert.True(Directory.Exists(_folder["server"]));
    }

    private DemoFolder Create() => DemoFolder.Create(_folder.Path, keep: false);
}
