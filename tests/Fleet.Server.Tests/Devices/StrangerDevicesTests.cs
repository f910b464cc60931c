using System.Net;
using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Protocol;
using Fleet.Server.Devices;
using MQTTnet;

namespace Fleet.Server.Tests.Devices;

/// <summary>Row R9: a device that had enrolled since the backup was "not enrolled here" for ever, and nothing listed it.</summary>
public sealed class StrangerDevicesTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Fact]
    public async Task Device_that_enrolled_after_the_backup_is_listed_and_adopted_by_one_command()
    {
        var device = await server.EnrollAsync("since-backup");
        var stored = (await server.Store.FindAsync<Device>("since-backup", default))!;
        await server.Store.CommitAsync([stored.Removal()], default); // as the restored database has it

        await Assert.ThrowsAsync<RefusedException>(() => device.ConnectAsync());
        var strangers = (await server.Operator.GetFromJsonAsync("/api/v1/strangers", FleetJson.Default.IReadOnlyListStrangerView))!;
        Assert.Equal("since-backup", Assert.Single(strangers).Device.Value);

        using var adopted = await server.Operator.PostAsync(new Uri("/api/v1/strangers/since-backup/adopt", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.OK, adopted.StatusCode);
        using var client = await device.ConnectAsync();
        await device.PublishAsync(client, Topics.Reported, TestDevice.Report(4), FleetJson.Default.ReportedState);
        Assert.Equal("x64", (await server.ViewAsync("since-backup")).Facts.Architecture);

        // It says that it was told something, and shows no order: an operator vouches for that too.
        var ahead = (await server.Operator.GetFromJsonAsync("/api/v1/strangers", FleetJson.Default.IReadOnlyListStrangerView))!;
        Assert.Equal(4, Assert.Single(ahead).Revision);
        using var vouched = await server.Operator.PostAsync(new Uri("/api/v1/strangers/since-backup/adopt", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.OK, vouched.StatusCode);
        Assert.Empty((await server.Operator.GetFromJsonAsync("/api/v1/strangers", FleetJson.Default.IReadOnlyListStrangerView))!);
        await client.DisconnectAsync();
    }

    [Fact]
    public async Task Device_that_never_showed_a_certificate_is_not_adopted()
    {
        using var answer = await server.Operator.PostAsync(new Uri("/api/v1/strangers/made-up/adopt", UriKind.Relative), null);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Null(await server.Store.DeviceAsync(DeviceId.Parse("made-up"), default));
    }
}
