using System.Text;
using Fleet.Agent.Disk;
using Fleet.Agent.Orders;
using Fleet.Agent.Tests.Fixtures;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Agent.Tests.Orders;

/// <summary>What an order has a device time, by clocks that differ.</summary>
public sealed class OrderedTimingsTests
{
    [Theory]
    [InlineData(-400)]
    [InlineData(29)]
    public void File_is_to_be_timed_for_as_long_as_the_server_waits_whatever_time_the_device_trusts(double daysAhead)
    {
        using var folder = new TemporaryFolder();
        var issuedAt = new DateTimeOffset(2026, 11, 30, 7, 0, 0, TimeSpan.Zero);
        var time = new FakeTimeProvider(issuedAt.AddDays(daysAhead));
        var timings = new OrderedTimings(new DataFolder(folder.Path), time, NullLogger<OrderedTimings>.Instance);
        var artifact = new ArtifactReference("a", new string('a', 64), 1);
        var timing = new OrderedTiming("build", new TimedFile(artifact, artifact, new RuntimeSettings()), issuedAt.AddMinutes(2));
        timings.Set([timing], issuedAt);
        time.Advance(TimeSpan.FromSeconds(119));
        Assert.Equal(timing, timings.Next(out _));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(timings.Next(out _));
        // Said again, as at every connect, with what is left of it.
        timings.Set([timing], issuedAt.AddSeconds(90));
        Assert.Equal(timing, timings.Next(out _));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(timings.Next(out _));
    }

    [Fact]
    public async Task What_came_of_a_file_is_reported_though_nothing_can_be_tidied_and_the_agent_goes_on()
    {
        await using var server = await TestServer.StartAsync();
        await using var agent = new AgentProcess(server);
        await agent.EnrollAsync();
        await server.DesireAsync("dev-1", 1);
        agent.Start();
        await Eventually.TrueAsync("it is connected", () => server.Reports.Any(report => report.Revision == 1));
        Directory.Delete(agent.Data.Shelf, recursive: true);
        foreach (var build in (string[])["first", "second"])
        {
            var artifact = server.Store($"{build}.onnx", Encoding.UTF8.GetBytes(build));
            var order = server.Fleet.Order("dev-1", 1);
            var timing = new OrderedTiming(build, new TimedFile(artifact, artifact, new RuntimeSettings()), order.IssuedAt.AddMinutes(2));
            await server.DesireAsync(
                "dev-1", server.Fleet.Desired("dev-1", 1) with { Order = server.Fleet.Sign(order with { Timings = [timing] }) });
            await Eventually.TrueAsync($"it reports of {build}", () => server.Reports.Any(
                report => report.Timings!.Any(said => said.Build == build && said.Problem is not null)),
                TimeSpan.FromSeconds(20), () => agent.Process.Output);
        }
        Assert.Contains("could not be removed yet", agent.Process.Output, StringComparison.Ordinal);
    }
}
