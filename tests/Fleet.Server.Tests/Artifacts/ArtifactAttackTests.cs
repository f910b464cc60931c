using System.Net;
using System.Net.Sockets;
using System.Text;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Artifacts;

/// <summary>Who may have which bytes, and lengths that lie.</summary>
public sealed class ArtifactAttackTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(2);
    }

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Device_that_was_never_assigned_a_model_hears_of_it_as_of_one_that_does_not_exist()
    {
        var (speech, vision) = (await _fleet.ReleaseAsync(), await _fleet.ReleaseAsync("vision"));
        await AssignAsync("dev-00000", speech);
        await AssignAsync("dev-00001", vision);
        using var client = _fleet.ClientOf("dev-00001");

        foreach (var artifact in speech.ReadManifest().Artifacts())
        {
            var unknown = new string('0', 64);
            Assert.Equal(await AnswerAsync(client, unknown),
                (await AnswerAsync(client, artifact.Sha256)).Replace(artifact.Sha256, unknown));
            using var range = new HttpRequestMessage(HttpMethod.Head, $"/artifacts/{artifact.Sha256}");
            range.Headers.Range = new(0, 0);
            Assert.Equal(HttpStatusCode.NotFound, (await client.SendAsync(range)).StatusCode);
        }
        foreach (var artifact in vision.ReadManifest().Artifacts())
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(PathOf(artifact.Sha256))).StatusCode);
    }

    [Fact]
    public async Task Model_that_was_withdrawn_from_a_device_is_not_served_to_it_any_more()
    {
        var release = await _fleet.ReleaseAsync();
        await AssignAsync("dev-00000", release);
        using var client = _fleet.ClientOf("dev-00000");
        var digest = release.ReadManifest().ValidationSet.Sha256;
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(PathOf(digest))).StatusCode);

        await _fleet.Store.UpdateAsync<DeviceDesired>("dev-00000", desired => desired.Without("speech"), default);

        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync(PathOf(digest))).StatusCode);
    }

    [Theory]
    [InlineData(Limits.ArtifactBytes + 1)]
    [InlineData(1L << 32)]
    [InlineData((1L << 32) + 1)]
    [InlineData(long.MaxValue)]
    public async Task Upload_that_declares_more_than_an_artifact_may_have_is_refused_before_a_byte_is_read(long declared)
        => Assert.StartsWith("HTTP/1.1 413", await UploadAsync($"Content-Length: {declared}\r\n\r\n"), StringComparison.Ordinal);

    [Theory]
    [InlineData("Content-Length: 9223372036854775808\r\n\r\n")]
    [InlineData("Content-Length: -1\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n-1\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n")]
    public async Task Length_that_is_none_is_refused_and_leaves_nothing(string headers)
    {
        Assert.StartsWith("HTTP/1.1 400", await UploadAsync(headers), StringComparison.Ordinal);
        await Eventually.TrueAsync("nothing is staged",
            () => Directory.GetFiles(Path.Combine(_fleet.Folder, "artifacts", "staging")).Length == 0);
    }

    [Theory]
    [InlineData(2147483647L, 2147483648L)]
    [InlineData(4294967295L, 4294967296L)]
    [InlineData(0L, 9223372036854775807L)]
    [InlineData(9223372036854775806L, 9223372036854775807L)]
    public async Task Range_far_past_the_end_is_refused_or_cut_to_what_is_there(long from, long to)
    {
        var release = await _fleet.ReleaseAsync();
        await AssignAsync("dev-00000", release);
        using var client = _fleet.ClientOf("dev-00000");
        using var request = new HttpRequestMessage(HttpMethod.Get, PathOf(release.ReadManifest().ValidationSet.Sha256));
        request.Headers.Range = new(from, to);
        using var answer = await client.SendAsync(request);
        Assert.Equal(from == 0 ? HttpStatusCode.PartialContent : HttpStatusCode.RequestedRangeNotSatisfiable, answer.StatusCode);
    }

    [Fact]
    public async Task Upload_one_byte_past_the_limit_is_refused_and_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        var store = new ArtifactStore(folder.Path, maximumBytes: 1 << 20);
        var digest = new string('a', 64);
        Assert.Equal(ArtifactOutcome.TooLarge, await store.StoreAsync(digest, new MemoryStream(new byte[(1 << 20) + 1]), null, default));
        Assert.Equal(ArtifactOutcome.DigestMismatch, await store.StoreAsync(digest, new MemoryStream(new byte[1 << 20]), null, default));
        Assert.Empty(Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData(Limits.ArtifactBytes, true)]
    [InlineData(Limits.ArtifactBytes + 1, false)]
    [InlineData(1L << 32, false)]
    [InlineData(long.MaxValue, false)]
    [InlineData(0, false)]
    [InlineData(-1, false)]
    public async Task Manifest_names_no_artifact_of_an_impossible_length(long bytes, bool allowed)
    {
        var manifest = (await _fleet.ReleaseAsync()).ReadManifest();
        var problems = ManifestRules.ProblemsOf(manifest with { ValidationSet = manifest.ValidationSet with { Bytes = bytes } });
        Assert.Equal(allowed, problems.Count == 0);
    }

    private async Task<string> UploadAsync(string headers)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_fleet.Http.BaseAddress!.Host, _fleet.Http.BaseAddress.Port);
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"PUT /api/v1/worker/artifacts/{new string('a', 64)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                + $"{_fleet.Http.DefaultRequestHeaders.Authorization}\r\n{headers}"));
        var buffer = new byte[1024];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
    }

    private async Task AssignAsync(string device, Release release)
        => await _fleet.Store.CommitAsync(
            [StoreChange.Create(device, DeviceDesired.Nothing.With(new DesiredRelease(release.Model, release.Version)))], default);

    private static async Task<string> AnswerAsync(HttpClient client, string digest)
    {
        using var answer = await client.GetAsync(PathOf(digest));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private static Uri PathOf(string digest) => new($"/artifacts/{digest}", UriKind.Relative);
}
