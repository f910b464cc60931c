using System.Net.Http.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;
using Fleet.EndToEnd.Tests.Fixtures;
using Fleet.TestKit;

namespace Fleet.EndToEnd.Tests;

/// <summary>A worker has an enrolled device time a file, through a real server, its broker and a real agent.</summary>
[Collection(nameof(OneFleet))]
public sealed class DeviceTimingTests(FleetFixture fleet)
{
    [Fact]
    public async Task Device_times_a_file_once_whatever_is_killed_and_is_not_waited_for_when_it_is_gone()
    {
        await using var agent = await fleet.AgentAsync("timing", "stopwatch-1");
        var (build, lease) = await LeasedAsync("timed");
        var asked = await Eventually.ValueAsync("the device has said what it knows, and is asked",
            async () => await AskAsync(build, lease) is { Problem: null } view ? view : null);
        Assert.False(asked.IsOver);
        // On the way: what was ordered comes again with the next connection.
        await agent.KillAsync();
        agent.Start();
        var told = await Eventually.ValueAsync(
            "the device answered", async () => await AskAsync(build, lease) is { IsOver: true } view ? view : null, TimeSpan.FromMinutes(1),
            () => agent.Output);
        var timing = Assert.Single(told.Timings);
        Assert.True(timing is { Problem: null, Latency: not null } && timing.Latency.P50 > TimeSpan.Zero
            && timing.Latency.P95 >= timing.Latency.P50 && timing.ProcessorTime > TimeSpan.Zero, $"{timing}");

        await agent.KillAsync();
        await fleet.Server.KillAsync();
        await fleet.Server.StartAsync();
        Assert.Equal(timing, Assert.Single((await AskAsync(build, lease)).Timings));
        agent.Start();
        await Eventually.TrueAsync("it is back", async () => (await fleet.Server.DeviceAsync(agent.Id)).Online);
        await Eventually.TrueAsync("its shelf is empty again", () => Directory.GetFiles(Path.Combine(agent.Folder, "shelf")).Length == 0);
        Assert.Equal(timing, Assert.Single((await AskAsync(build, lease)).Timings));
        Assert.DoesNotContain("was timed for build", agent.Output, StringComparison.Ordinal);

        await agent.KillAsync();
        await Eventually.TrueAsync("it is gone", async () => !(await fleet.Server.DeviceAsync(agent.Id)).Online);
        var (other, otherLease) = await LeasedAsync("untimed");
        Assert.Equal("Device stopwatch-1 is not connected.", (await AskAsync(other, otherLease)).Problem);
        foreach (var (id, held) in ((string, string)[])[(build, lease), (other, otherLease)])
            await SendAsync($"/api/v1/worker/builds/{id}/fail", new FailRequest(held, "enough"), FleetJson.Default.FailRequest,
                FleetJson.Default.BuildView);
    }

    private async Task<(string Build, string Lease)> LeasedAsync(string model)
    {
        var spec = FleetFixture.Spec(model);
        await fleet.SubmitAsync(spec with
        {
            Student = new StudentSpec
            {
                Family = StudentSpec.Auto,
                Budget = new StudentBudget { MaximumLatencyP95 = TimeSpan.FromMilliseconds(5), Device = "stopwatch-1" },
            },
        });
        var lease = await SendAsync(
            "/api/v1/worker/leases", new LeaseRequest("test"), FleetJson.Default.LeaseRequest, FleetJson.Default.LeaseResponse);
        return (lease.BuildId, lease.LeaseId);
    }

    private Task<TimingView> AskAsync(string build, string lease) => SendAsync(
        $"/api/v1/worker/builds/{build}/timings",
        new TimingRequest(lease, [new TimedFile(fleet.Report.Variants[0].Artifact!, fleet.Report.ValidationSet, new RuntimeSettings())]),
        FleetJson.Default.TimingRequest, FleetJson.Default.TimingView);

    private async Task<TAnswer> SendAsync<TBody, TAnswer>(
        string path, TBody body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<TBody> type,
        System.Text.Json.Serialization.Metadata.JsonTypeInfo<TAnswer> answer)
    {
        var key = (await File.ReadAllTextAsync(fleet.Server.WorkerKeyFile)).Trim();
        return await fleet.Server.SendAsync(HttpMethod.Post, path, JsonContent.Create(body, type), answer, key);
    }
}
