using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Certificates;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Storage;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Artifacts;

/// <summary>Upload and download of artifacts over real HTTP.</summary>
public sealed class ArtifactTransferTests : IAsyncLifetime
{
    private readonly byte[] _content = RandomNumberGenerator.GetBytes(1_000_003);
    private TestFleet _fleet = null!;
    private HttpClient _device = null!;

    private string Sha256 => Convert.ToHexStringLower(SHA256.HashData(_content));

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(1);
        _device = _fleet.ClientOf("dev-00000");
    }

    public ValueTask DisposeAsync()
    {
        _device.Dispose();
        return _fleet.DisposeAsync();
    }

    [Fact]
    public async Task Upload_is_stored_and_again_is_a_cheap_success()
    {
        Assert.Equal(HttpStatusCode.Created, await PutAsync(Sha256, _content));
        Assert.Equal(HttpStatusCode.OK, await PutAsync(Sha256, _content));
        Assert.Equal(_content, await _fleet.Http.GetByteArrayAsync(new Uri($"/api/v1/artifacts/{Sha256}", UriKind.Relative)));
    }

    [Fact]
    public async Task Upload_with_one_byte_changed_is_refused()
    {
        var changed = (byte[])_content.Clone();
        changed[500_000] ^= 1;
        Assert.Equal(HttpStatusCode.BadRequest, await PutAsync(Sha256, changed));
        Assert.Null(_fleet.Of<ArtifactStore>().LengthOf(Sha256));
    }

    [Fact]
    public async Task Upload_that_says_it_is_too_large_is_refused_before_it_is_sent()
    {
        using var socket = await ConnectAsync();
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"PUT /api/v1/worker/artifacts/{Sha256} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                + $"{_fleet.Http.DefaultRequestHeaders.Authorization}\r\nContent-Length: {Limits.ArtifactBytes + 1}\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 413", await ReadAsync(socket), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Upload_that_breaks_off_leaves_nothing()
    {
        using (var socket = await ConnectAsync())
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(
                $"PUT /api/v1/worker/artifacts/{Sha256} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                    + $"{_fleet.Http.DefaultRequestHeaders.Authorization}\r\nContent-Length: {_content.Length}\r\n\r\n"));
            await socket.SendAsync(_content.AsMemory(0, 300_000));
            await Eventually.TrueAsync("the upload begins", () => Staged().Length == 1);
        }
        await Eventually.TrueAsync("what was staged is gone", () => Staged().Length == 0);
        Assert.Null(_fleet.Of<ArtifactStore>().LengthOf(Sha256));
        Assert.Equal(HttpStatusCode.Created, await PutAsync(Sha256, _content));
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("..%2Fkeys%2Frelease.key")]
    [InlineData("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    public async Task Text_that_is_not_a_digest_is_refused(string digest)
    {
        Assert.Equal(HttpStatusCode.BadRequest, await PutAsync(digest, _content));
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(digest)).StatusCode);
    }

    [Fact]
    public async Task Download_goes_on_where_it_broke_off()
    {
        await PublishedAsync();
        using var first = await GetAsync(Sha256, new RangeHeaderValue(0, 399_999));
        using var rest = await GetAsync(Sha256, new RangeHeaderValue(400_000, null), ifRange: $"\"{Sha256}\"");
        Assert.Equal((HttpStatusCode.PartialContent, HttpStatusCode.PartialContent), (first.StatusCode, rest.StatusCode));
        Assert.Equal(400_000, rest.Content.Headers.ContentRange!.From);
        byte[] whole = [.. await first.Content.ReadAsByteArrayAsync(), .. await rest.Content.ReadAsByteArrayAsync()];
        Assert.Equal(_content, whole);
    }

    [Fact]
    public async Task Range_of_another_version_of_the_file_is_answered_with_the_whole()
    {
        await PublishedAsync();
        using var answer = await GetAsync(Sha256, new RangeHeaderValue(400_000, null), ifRange: $"\"{new string('0', 64)}\"");
        Assert.Equal((HttpStatusCode.OK, _content.Length), (answer.StatusCode, (await answer.Content.ReadAsByteArrayAsync()).Length));
    }

    [Fact]
    public async Task Range_past_the_end_is_416()
    {
        await PublishedAsync();
        using var answer = await GetAsync(Sha256, new RangeHeaderValue(_content.Length, null));
        Assert.Equal((HttpStatusCode.RequestedRangeNotSatisfiable, (long?)_content.Length),
            (answer.StatusCode, answer.Content.Headers.ContentRange!.Length));
    }

    [Fact]
    public async Task What_the_device_has_already_is_304()
    {
        await PublishedAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/artifacts/{Sha256}");
        request.Headers.IfNoneMatch.Add(new EntityTagHeaderValue($"\"{Sha256}\""));
        Assert.Equal(HttpStatusCode.NotModified, (await _device.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Head_tells_length_and_digest()
    {
        await PublishedAsync();
        using var request = new HttpRequestMessage(HttpMethod.Head, $"/artifacts/{Sha256}");
        using var answer = await _device.SendAsync(request);
        Assert.Equal((HttpStatusCode.OK, (long?)_content.Length, $"\"{Sha256}\""),
            (answer.StatusCode, answer.Content.Headers.ContentLength, answer.Headers.ETag!.Tag));
    }

    [Fact]
    public async Task Device_gets_only_what_a_release_names()
    {
        await PutAsync(Sha256, _content);
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(Sha256)).StatusCode);
        var release = await _fleet.ReleaseAsync();
        await AssignAsync("dev-00000", release);
        foreach (var artifact in release.ReadManifest().Artifacts())
            Assert.Equal(HttpStatusCode.OK, (await GetAsync(artifact.Sha256)).StatusCode);
    }

    [Fact]
    public async Task Download_needs_the_certificate_of_an_enrolled_device()
    {
        await PublishedAsync();
        using var nobody = _fleet.ClientOf(null);
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(Sha256, client: nobody)).StatusCode);
        using var stranger = _fleet.ClientOf("dev-99999"); // a good certificate for a device nobody enrolled
        Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(Sha256, client: stranger)).StatusCode);
        await _fleet.RevokeAsync(Contracts.Devices.DeviceId.Parse("dev-00000"));
        Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(Sha256)).StatusCode);
        // An operator's key opens the operators' API on the same port, not the devices'.
        nobody.DefaultRequestHeaders.Authorization = _fleet.Http.DefaultRequestHeaders.Authorization;
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(Sha256, client: nobody)).StatusCode);
    }

    [Fact]
    public async Task Certificate_of_another_authority_gets_no_byte()
    {
        await PublishedAsync();
        using var folder = new TemporaryFolder();
        using var other = CertificateAuthority.OpenOrCreate(folder.Path, TimeProvider.System);
        using var client = _fleet.ClientOf("dev-00000", other);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => GetAsync(Sha256, client: client));
    }

    [Fact]
    public async Task Upload_needs_a_key()
    {
        using var nobody = new HttpClient { BaseAddress = _fleet.Http.BaseAddress };
        using var body = new ByteArrayContent(_content);
        Assert.Equal(HttpStatusCode.Unauthorized,
            (await nobody.PutAsync(new Uri($"/api/v1/worker/artifacts/{Sha256}", UriKind.Relative), body)).StatusCode);
    }

    private async Task PublishedAsync()
    {
        await PutAsync(Sha256, _content);
        var variant = await _fleet.VariantAsync("x64-int8", "x64") with
        {
            Artifact = new ArtifactReference("x.onnx", Sha256, _content.Length),
        };
        var build = await _fleet.BuildAsync("speech", variant);
        await AssignAsync("dev-00000", (await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build, null), default)).Value!);
    }

    private async Task AssignAsync(string device, Release release)
    {
        var desired = DeviceDesired.Nothing.With(new DesiredRelease(release.Model, release.Version));
        await _fleet.Store.CommitAsync([StoreChange.Create(device, desired)], default);
    }

    private string[] Staged() => Directory.GetFiles(Path.Combine(_fleet.Folder, "artifacts", "staging"));

    private async Task<HttpStatusCode> PutAsync(string sha256, byte[] content)
    {
        using var body = new ByteArrayContent(content);
        using var answer = await _fleet.Http.PutAsync(new Uri($"/api/v1/worker/artifacts/{sha256}", UriKind.Relative), body);
        return answer.StatusCode;
    }

    private async Task<HttpResponseMessage> GetAsync(
        string sha256, RangeHeaderValue? range = null, string? ifRange = null, HttpClient? client = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/artifacts/{sha256}");
        request.Headers.Range = range;
        if (ifRange is not null) request.Headers.IfRange = new RangeConditionHeaderValue(new EntityTagHeaderValue(ifRange));
        return await (client ?? _device).SendAsync(request);
    }

    private async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_fleet.Http.BaseAddress!.Host, _fleet.Http.BaseAddress.Port);
        return socket;
    }

    private static async Task<string> ReadAsync(Socket socket)
    {
        var buffer = new byte[1024];
        return Encoding.ASCII.GetString(buffer, 0, await socket.ReceiveAsync(buffer));
    }
}
