using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Server.Builds;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Releases;

/// <summary>A profile of an operator's own goes from the build spec through the release to the devices that belong to it.</summary>
public sealed class CustomProfileTests : IAsyncLifetime
{
    private static readonly HardwareProfile Board = new()
    {
        Name = "my-board",
        Priority = 30,
        Match = new ProfileMatch { Architectures = ["arm64"], RequiredIsaFlags = ["asimddp"] },
        Numeric = new NumericRules { Activations = "int8" },
        Budget = new ProfileBudget { MaximumLatencyP95 = TimeSpan.FromMilliseconds(30) },
    };

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Device_belongs_to_a_profile_once_something_is_released_for_it_and_is_rolled_out_to()
    {
        await EnrollAsync("before", ["asimd", "asimddp"]);
        await EnrollAsync("other", ["asimd"]);
        Assert.Equal("arm-cpu-dotprod", await ProfileOfAsync("before"));

        var release = await ReleaseAsync(Board);
        Assert.Equal(["my-board"], release.ReadManifest().Profiles!.Select(profile => profile.Name));
        Assert.Equal(TimeSpan.FromMilliseconds(30),
            release.ReadManifest().Variants.Single(variant => variant.Profile == "my-board").Gate.MaximumLatencyP95);
        Assert.Equal("my-board", await ProfileOfAsync("before"));
        Assert.Equal("arm-cpu", await ProfileOfAsync("other"));
        await EnrollAsync("after", ["asimddp"]);
        Assert.Equal("my-board", await ProfileOfAsync("after"));

        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(release, filter: "profile=my-board"));
        Assert.Equal(["after", "before"], (await _fleet.RunningAsync(rollout.Id)).Select(id => id.Value).Order());
    }

    [Fact]
    public async Task Newer_definition_of_a_profile_takes_the_place_of_the_older()
    {
        await EnrollAsync("dev", ["asimddp"]);
        await ReleaseAsync(Board);
        Assert.Equal("my-board", await ProfileOfAsync("dev"));
        await ReleaseAsync(Board with { Match = new ProfileMatch { Architectures = ["arm64"], RequiredIsaFlags = ["sve"] } });
        Assert.Equal("arm-cpu-dotprod", await ProfileOfAsync("dev"));
    }

    [Fact]
    public async Task Device_of_a_special_profile_is_served_by_a_release_for_the_general_one()
    {
        await EnrollAsync("haswell", ["avx2"], "x64");
        Assert.Equal("x64-avx2", await ProfileOfAsync("haswell"));
        var rollout = await _fleet.RollOutAsync(TestFleet.PlanOf(await _fleet.ReleaseAsync()));
        Assert.Equal(["haswell"], (await _fleet.RunningAsync(rollout.Id)).Select(id => id.Value));
    }

    private async Task EnrollAsync(string id, string[] flags, string architecture = "arm64")
    {
        var facts = new DeviceFacts { Architecture = architecture, IsaFlags = flags };
        var device = new Device { Id = DeviceId.Parse(id), Facts = facts, EnrolledAt = _fleet.Clock.GetUtcNow(), Token = "t" };
        await _fleet.Store.CommitAsync(
            [StoreChange.Create(id, device.With(facts, await _fleet.Of<KnownProfiles>().AllAsync(default)))], default);
    }

    private async Task<string?> ProfileOfAsync(string id) => (await _fleet.Store.FindAsync<Device>(id, default))!.Document.Profile;

    private async Task<Release> ReleaseAsync(HardwareProfile profile)
    {
        var spec = TestFleet.SpecOf("speech") with
        {
            Quantization = new QuantizationSpec { Profiles = ["x64", profile.Name], CustomProfiles = [profile] },
        };
        var build = (await _fleet.Of<BuildQueue>().SubmitAsync(spec, default)).Value!;
        var lease = (await _fleet.Of<BuildQueue>().LeaseAsync("tester", "workers", default))!;
        Assert.Equal("my-board", lease.Spec.Quantization.Find("my-board")!.Name);
        var report = await _fleet.ReportAsync(
            "speech", await _fleet.VariantAsync("x64-int8", "x64"), await _fleet.VariantAsync("my-board-int8", "my-board"));
        Assert.Null((await _fleet.Of<BuildQueue>()
            .CompleteAsync(build.Id, new CompleteRequest(lease.LeaseId, report with { Spec = spec }, "<p>report</p>"), default)).Problem);
        return (await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build.Id, null), default)).Value!;
    }
}
