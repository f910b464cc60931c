using System.Runtime.Versioning;
using Fleet.Cli.Demo;
using Fleet.TestKit;

namespace Fleet.Cli.Tests.Demo;

/// <summary>Where a demo keeps everything.</summary>
[SupportedOSPlatform("linux")]
public sealed class DemoFolderTests
{
    [Fact]
    public void Folder_of_a_demo_that_failed_before_its_server_listened_is_taken_again()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(DemoFolder.Create(folder["data"], keep: false).Logs, "server.log"), "The disk is full.");

        var again = DemoFolder.Create(folder["data"], keep: false);

        Assert.Equal(["--Fleet:ApiPort=0", "--Fleet:DevicePort=0", "--Fleet:MqttPort=0"], again.PortSettings());
    }
}
