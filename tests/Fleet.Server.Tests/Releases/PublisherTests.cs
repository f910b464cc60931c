using System.Text;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Builds;
using Fleet.Server.Http;
using Fleet.Server.Keys;
using Fleet.Server.Releases;

namespace Fleet.Server.Tests.Releases;

public sealed class PublisherTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    private Task<Answer<Release>> PublishAsync(string build, TimeSpan? validFor = null)
        => _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, validFor), default);

    [Fact]
    public async Task Release_holds_the_accepted_variants_with_the_gates_the_spec_asks_for()
    {
        var build = await _fleet.BuildAsync("speech",
            await _fleet.VariantAsync("x64-int8", "x64"), await _fleet.VariantAsync("jetson-fp16", "jetson"),
            await _fleet.VariantAsync("arm-int8", "arm-cpu", accepted: false));
        var release = (await PublishAsync(build)).Value!;
        var manifest = release.ReadManifest();
        Assert.Equal(["x64-int8", "jetson-fp16"], manifest.Variants.Select(variant => variant.Id));
        Assert.All(manifest.Variants, variant => Assert.Equal(0.93, variant.Gate.MinimumAccuracy!.Value, 9));
        Assert.Equal(("speech", 1, build), (manifest.Model, manifest.Version, manifest.Build));
    }

    /// <summary>A release has one file for each variant: without the other a device would have a model without weights.</summary>
    [Fact]
    public async Task Variant_whose_weights_are_in_a_file_of_their_own_is_not_released()
    {
        var large = await _fleet.VariantAsync("x64-fp32", "x64") with
        {
            Data = await _fleet.ArtifactAsync("x64-fp32.onnx.data", 5000),
            Reasons = ["Its weights are in x64-fp32.onnx.data beside it."],
        };
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"), large);
        Assert.Equal(["x64-int8"], (await PublishAsync(build)).Value!.ReadManifest().Variants.Select(variant => variant.Id));
        var refusal = (await PublishAsync(await _fleet.BuildAsync("vision", large))).Problem!;
        Assert.Equal(["x64-fp32: Its weights are in x64-fp32.onnx.data beside it."], refusal.Problems);
    }

    [Fact]
    public async Task Release_is_trusted_by_a_device_that_holds_the_servers_key_and_by_no_other()
    {
        var release = await _fleet.ReleaseAsync();
        Assert.True(ReleaseVerifier.Verify(
            release.Envelope, _fleet.Of<FleetKeys>().Root.ReleaseKeys(), _fleet.Clock.GetUtcNow(), "speech", 1).Trusted);
        await using var other = await TestFleet.StartAsync();
        Assert.Equal(ReleaseFault.KeyNotTrusted,
            ReleaseVerifier.Verify(release.Envelope, other.Of<FleetKeys>().Root.ReleaseKeys(),
                _fleet.Clock.GetUtcNow(), "speech", 1).Fault);
    }

    /// <summary>T5: the key of a worker uploads scores and verdicts of its choice. Nobody can say later that they were another's.</summary>
    [Fact]
    public async Task Release_says_in_its_signed_part_whose_word_its_figures_are()
    {
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"));
        var measured = (await PublishAsync(build)).Value!.ReadManifest().Measured;
        var report = (await _fleet.Store.FindAsync<Build>(build, default))!.Document.ReportSha256;
        Assert.Equal(new MeasuredBy("tester", "a processor", report!, "workers"), measured);
    }

    /// <summary>What is shown before it is signed is what is signed, and looking changes nothing.</summary>
    [Fact]
    public async Task Preview_shows_what_would_be_signed_and_signs_nothing()
    {
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"));
        var request = new CreateReleaseRequest(build);
        for (var n = 0; n < 2; n++)
        {
            var before = (await _fleet.Of<Publisher>().PreviewAsync(request, default)).Value!;
            Assert.Equal((1, false), (before.Manifest.Version, before.IsReleased));
            Assert.Equal("tester", before.Manifest.Measured!.Worker);
        }
        var shown = (await _fleet.Of<Publisher>().PreviewAsync(request, default)).Value!.Manifest;
        var signed = (await PublishAsync(build)).Value!.ReadManifest();
        Assert.Equal(JsonSerializer.Serialize(shown, FleetJson.Default.ReleaseManifest),
            JsonSerializer.Serialize(signed, FleetJson.Default.ReleaseManifest));
        Assert.True((await _fleet.Of<Publisher>().PreviewAsync(request, default)).Value!.IsReleased);
        Assert.Equal(404, (await _fleet.Of<Publisher>().PreviewAsync(new CreateReleaseRequest("none"), default)).Problem!.Status);
    }

    [Fact]
    public async Task Versions_grow_by_one_for_each_model()
    {
        var versions = new List<string>();
        foreach (var model in new[] { "speech", "vision", "speech" }) versions.Add($"{model} {(await _fleet.ReleaseAsync(model)).Version}");
        Assert.Equal(["speech 1", "vision 1", "speech 2"], versions);
    }

    [Fact]
    public async Task Releases_asked_for_at_once_get_different_versions()
    {
        var builds = new List<string>();
        for (var i = 0; i < 4; i++) builds.Add(await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64")));
        var answers = await Task.WhenAll(builds.Select(build => Task.Run(() => PublishAsync(build))));
        Assert.Equal([1, 2, 3, 4], answers.Select(answer => answer.Value!.Version).Order());
    }

    [Fact]
    public async Task Releasing_a_build_again_answers_with_the_same_release_until_it_has_expired()
    {
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"));
        Assert.Equal(1, (await PublishAsync(build, TimeSpan.FromDays(2))).Value!.Version);
        Assert.Equal(1, (await PublishAsync(build)).Value!.Version);
        _fleet.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(2, (await PublishAsync(build)).Value!.Version);
    }

    [Fact]
    public async Task Validity_of_a_release_that_is_out_is_not_changed_and_asking_for_it_is_refused()
    {
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"));
        await PublishAsync(build, TimeSpan.FromDays(2));
        Assert.Equal(1, (await PublishAsync(build, TimeSpan.FromDays(2))).Value!.Version);
        var refusal = (await PublishAsync(build, TimeSpan.FromDays(30))).Problem!;
        Assert.Equal(409, refusal.Status);
        Assert.Contains($"Build {build} is released as speech 1, valid until ", refusal.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Build_without_an_accepted_variant_is_refused_with_the_reasons()
    {
        var build = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64", accepted: false));
        var answer = await PublishAsync(build);
        Assert.Equal((409, "x64-int8: Accuracy dropped by 0.03; 0.01 is allowed."),
            (answer.Problem!.Status, answer.Problem.Problems.Single()));
        Assert.Null(await _fleet.Store.FindAsync<Model>("speech", default));
    }

    [Fact]
    public async Task Two_variants_of_one_name_are_refused()
    {
        var build = await _fleet.BuildAsync(
            "speech", await _fleet.VariantAsync("x64-int8", "x64"), await _fleet.VariantAsync("x64-int8", "x64"));
        Assert.Contains("Two variants have the same id.", (await PublishAsync(build)).Problem!.Problems);
    }

    [Fact]
    public async Task Manifest_no_device_would_read_is_not_published()
    {
        // 64 variants with long reasons to exist: the envelope passes the limit of what a device reads.
        var variants = new List<VariantReport>();
        for (var i = 0; i < 64; i++)
            variants.Add(await _fleet.VariantAsync($"x64-{i}", "x64") with
            {
                Runtime = new RuntimeSettings { SessionEntries = new Dictionary<string, string> { ["note"] = new string('x', 2000) } },
            });
        var answer = await PublishAsync(await _fleet.BuildAsync("speech", [.. variants]));
        Assert.Equal(409, answer.Problem!.Status);
        Assert.Contains("No device would trust", answer.Problem.Title, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Artifact_that_is_gone_from_the_disk_is_named()
    {
        var variant = await _fleet.VariantAsync("x64-int8", "x64");
        var build = await _fleet.BuildAsync("speech", variant);
        File.Delete(_fleet.Of<ArtifactStore>().PathOf(variant.Artifact!.Sha256));
        Assert.Contains("x64-int8.onnx", (await PublishAsync(build)).Problem!.Problems.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_a_build_that_succeeded_is_released()
    {
        var build = (await _fleet.Queue.SubmitAsync(TestFleet.SpecOf("speech"), default)).Value!;
        Assert.Equal(409, (await PublishAsync(build.Id)).Problem!.Status);
        Assert.Equal(404, (await PublishAsync("nothing")).Problem!.Status);
        Assert.Equal(400, (await PublishAsync(build.Id, TimeSpan.Zero)).Problem!.Status);
        Assert.Equal(400, (await PublishAsync(build.Id, TimeSpan.FromDays(3651))).Problem!.Status);
    }

    [Fact]
    public async Task Release_and_its_key_are_the_same_after_a_restart()
    {
        var release = await _fleet.ReleaseAsync();
        await _fleet.RestartAsync();
        var envelope = await _fleet.Of<Fleet.Server.Devices.IReleaseEnvelopes>().FindAsync("speech", 1, default);
        Assert.Equal(Encoding.UTF8.GetString(release.Envelope.Payload), Encoding.UTF8.GetString(envelope!.Payload));
        Assert.True(ReleaseVerifier.Verify(
            envelope, _fleet.Of<FleetKeys>().Root.ReleaseKeys(), _fleet.Clock.GetUtcNow(), "speech", 1).Trusted);
    }
}
