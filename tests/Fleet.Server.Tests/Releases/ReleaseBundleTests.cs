using System.Formats.Tar;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Trust;
using Fleet.Server.Artifacts;
using Fleet.Server.Builds;
using Fleet.Server.Keys;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Releases;

/// <summary>Releases as files, over HTTP.</summary>
public sealed class ReleaseBundleTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    internal static async Task<byte[]> ExportAsync(TestFleet fleet, Release release)
        => await fleet.Http.GetByteArrayAsync($"/api/v1/releases/{release.Model}/{release.Version}/bundle");

    /// <summary>As if this server had never seen it: the release is gone, and no device may fetch its artifacts.</summary>
    internal static async Task ForgetAsync(TestFleet fleet, string model, int version)
    {
        var release = (await fleet.Store.FindAsync<Release>(Release.IdOf(model, version), default))!;
        var artifacts = await fleet.Store.AllAsync<PublishedArtifact>("", default).ToListAsync();
        await fleet.Store.CommitAsync([release.Removal(), .. artifacts.Select(artifact => artifact.Removal())], default);
        foreach (var artifact in artifacts) File.Delete(fleet.Of<ArtifactStore>().PathOf(artifact.Id));
    }

    [Fact]
    public async Task Bundle_is_a_tar_that_any_program_reads_and_its_signature_holds_for_its_files()
    {
        var bundle = await ExportAsync(_fleet, await _fleet.ReleaseAsync());

        var files = new Dictionary<string, string>();
        byte[] signature = [];
        await using var reader = new TarReader(new MemoryStream(bundle));
        while (await reader.GetNextEntryAsync(copyData: true) is { } entry)
        {
            Assert.Equal(TarEntryType.RegularFile, entry.EntryType);
            using var content = new MemoryStream();
            await entry.DataStream!.CopyToAsync(content);
            if (entry.Name == BundleFormat.SignatureName) signature = content.ToArray();
            else files[entry.Name] = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content.ToArray()));
        }
        Assert.Equal(["release.json", "validation.npz", "x64-int8.onnx"], files.Keys.Order());
        Assert.Null(ModelSignature.ProblemOf(signature, _fleet.Of<FleetKeys>().Root.ReleaseKeys(), files));
    }

    [Fact]
    public async Task Release_comes_back_from_its_bundle_with_its_number_and_can_be_rolled_out()
    {
        var release = await _fleet.ReleaseAsync();
        var bundle = await ExportAsync(_fleet, release);
        await ForgetAsync(_fleet, "speech", 1);

        for (var time = 0; time < 2; time++)
        {
            using var answer = await _fleet.Http.PostAsync("/api/v1/releases/bundles", new ByteArrayContent(bundle));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(1, (await answer.Content.ReadFromJsonAsync(FleetJson.Default.ReleaseView))!.Manifest.Version);
        }
        await _fleet.EnrollAsync(1);
        Assert.Single(await _fleet.RunningAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(release))).Id));
        Assert.Equal(2, (await _fleet.ReleaseAsync()).Version);
    }

    [Fact]
    public async Task Bundle_for_a_device_holds_an_order_that_this_device_accepts_and_a_server_takes_it_as_any_other()
    {
        var release = await _fleet.ReleaseAsync();
        await _fleet.EnrollAsync(1);
        var device = Assert.Single(await _fleet.RunningAsync((await _fleet.RollOutAsync(TestFleet.PlanOf(release))).Id));

        var bundle = await _fleet.Http.GetByteArrayAsync($"/api/v1/releases/speech/1/bundle?device={device}");

        var files = await TestBundle.ReadAsync(bundle);
        var digests = files.Where(file => file.Name != BundleFormat.SignatureName)
            .ToDictionary(file => file.Name, file => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file.Content)));
        var root = _fleet.Of<FleetKeys>().Root;
        Assert.Null(ModelSignature.ProblemOf(files[1].Content, root.ReleaseKeys(), digests));
        var state = JsonSerializer.Deserialize(
            files.Single(file => file.Name == BundleFormat.OrderName).Content, FleetJson.Default.DesiredState)!;
        var verdict = OrderVerifier.Verify(state.Order, state.Revision, state.Ordered(), new OrderGround
        {
            Root = root,
            Device = device,
            Accepted = default,
            Known = new HashSet<string>(),
            Now = _fleet.Clock.GetUtcNow(),
        });
        Assert.True(verdict.Accepted, verdict.Reason);
        using var answer = await _fleet.Http.PostAsync("/api/v1/releases/bundles", new ByteArrayContent(bundle));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Bundle_for_a_device_that_should_not_run_the_release_or_is_not_there_is_not_written()
    {
        await _fleet.ReleaseAsync();
        await _fleet.EnrollAsync(1);
        using var idle = await _fleet.Http.GetAsync("/api/v1/releases/speech/1/bundle?device=dev-00000");
        Assert.Equal(HttpStatusCode.Conflict, idle.StatusCode);
        Assert.Contains("should not run speech 1", await idle.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var unknown = await _fleet.Http.GetAsync("/api/v1/releases/speech/1/bundle?device=nobody");
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Artifact_that_was_lost_or_cut_short_comes_back_from_the_bundle_of_its_release(bool isCut)
    {
        var release = await _fleet.ReleaseAsync();
        var bundle = await ExportAsync(_fleet, release);
        var lost = _fleet.Of<ArtifactStore>().PathOf(release.ReadManifest().Variants[0].Artifact.Sha256);
        var whole = await File.ReadAllBytesAsync(lost);
        if (isCut) await File.WriteAllBytesAsync(lost, whole[..^1]);
        else File.Delete(lost);
        using var refused = await _fleet.Http.GetAsync("/api/v1/releases/speech/1/bundle");
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);

        using var answer = await _fleet.Http.PostAsync("/api/v1/releases/bundles", new ByteArrayContent(bundle));

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        Assert.Equal(whole, await File.ReadAllBytesAsync(lost));
    }

    /// <summary>A site without workers has no build of what it imports; its list of models was empty.</summary>
    [Fact]
    public async Task Model_that_came_in_a_bundle_is_listed_though_nothing_was_built_here()
    {
        await _fleet.ReleaseAsync();
        var builds = await _fleet.Store.AllAsync<Build>("", default).ToListAsync();
        await _fleet.Store.CommitAsync([.. builds.Select(build => build.Removal())], default);
        var model = Assert.Single((await _fleet.Http.GetFromJsonAsync("/api/v1/models", FleetJson.Default.IReadOnlyListModelView))!);
        Assert.Equal(("speech", 1, 0), (model.Name, model.LatestVersion, model.Builds));
        Assert.Equal("unknown", Assert.Single(model.Versions).Teacher);
    }

    [Fact]
    public async Task Build_of_a_withdrawn_release_is_signed_again_and_the_withdrawn_one_is_not_rolled_out()
    {
        var release = await _fleet.ReleaseAsync();
        await _fleet.EnrollAsync(1);
        var again = new CreateReleaseRequest(release.Build, TimeSpan.FromDays(30));
        Assert.Contains("withdraw it first", (await _fleet.Of<Publisher>().PublishAsync(again, default)).Problem!.Title);

        using var answer = await _fleet.Http.PostAsync("/api/v1/releases/speech/1/withdraw", null);

        Assert.NotNull((await answer.Content.ReadFromJsonAsync(FleetJson.Default.ReleaseView))!.WithdrawnAt);
        Assert.Contains("was withdrawn", (await _fleet.Orders.StartAsync(TestFleet.PlanOf(release), "tester", default)).Problem!.Title);
        Assert.Equal(2, (await _fleet.Of<Publisher>().PublishAsync(again, default)).Value!.Version);
    }
}
