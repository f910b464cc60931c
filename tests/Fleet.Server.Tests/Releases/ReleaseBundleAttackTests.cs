using System.Net;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Releases;

/// <summary>Bundles that somebody changed, sent to a server over HTTP.</summary>
public sealed class ReleaseBundleAttackTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;
    private List<(string Name, byte[] Content)> _files = [];

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        _files = await TestBundle.ReadAsync(await ReleaseBundleTests.ExportAsync(_fleet, await _fleet.ReleaseAsync()));
        await ReleaseBundleTests.ForgetAsync(_fleet, "speech", 1);
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Artifact_with_one_byte_changed_is_refused_and_nothing_is_kept()
    {
        var index = _files.FindIndex(file => file.Name.EndsWith(".onnx", StringComparison.Ordinal));
        _files[index].Content[100] ^= 1;
        await RefusedAsync("was changed after it was signed");
    }

    [Fact]
    public async Task Artifact_that_the_release_does_not_name_is_refused()
    {
        _files.Add(("evil.onnx", [1, 2, 3]));
        await RefusedAsync("which the release does not name");
    }

    [Fact]
    public async Task Artifact_of_another_size_is_refused()
    {
        var index = _files.FindIndex(file => file.Name.EndsWith(".onnx", StringComparison.Ordinal));
        _files[index] = (_files[index].Name, [.. _files[index].Content, 0]);
        await RefusedAsync("bytes; the release says");
    }

    [Fact]
    public async Task Bundle_without_an_artifact_is_refused()
    {
        _files.RemoveAll(file => file.Name.EndsWith(".onnx", StringComparison.Ordinal));
        await RefusedAsync("is missing, which the release names");
    }

    [Fact]
    public async Task Bundle_without_its_signature_is_refused()
    {
        _files.RemoveAll(file => file.Name == BundleFormat.SignatureName);
        await RefusedAsync("It holds no model.sig");
    }

    [Fact]
    public async Task Signature_of_another_release_is_refused()
    {
        var other = await TestBundle.ReadAsync(await ReleaseBundleTests.ExportAsync(_fleet, await _fleet.ReleaseAsync("vision")));
        _files[1] = other[1];
        await RefusedAsync("was changed after it was signed");
    }

    [Fact]
    public async Task Artifacts_before_the_release_that_names_them_are_refused_unread()
    {
        _files.Reverse();
        await RefusedAsync("it must be release.json");
    }

    [Fact]
    public async Task Bundle_of_a_foreign_fleet_is_refused()
    {
        await using var other = await TestFleet.StartAsync();
        _files = await TestBundle.ReadAsync(await ReleaseBundleTests.ExportAsync(other, await other.ReleaseAsync()));
        await RefusedAsync("does not trust");
    }

    [Fact]
    public async Task Expired_release_does_not_come_back_in_a_bundle()
    {
        _fleet.Clock.AdjustTime(_fleet.Clock.GetUtcNow().AddDays(366));
        await RefusedAsync("expired at");
    }

    private async Task RefusedAsync(string why)
    {
        var before = await FetchableAsync();
        using var answer = await _fleet.Http.PostAsync("/api/v1/releases/bundles", new ByteArrayContent(TestBundle.Of(_files)));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(why, await answer.Content.ReadAsStringAsync());
        Assert.Null(await _fleet.Store.FindAsync<Release>(Release.IdOf("speech", 1), default));
        Assert.Equal(before, await FetchableAsync());
    }

    /// <summary>Artifacts that devices may fetch.</summary>
    private async Task<List<string>> FetchableAsync()
        => await _fleet.Store.AllAsync<PublishedArtifact>("", default).Select(artifact => artifact.Id).ToListAsync();
}
