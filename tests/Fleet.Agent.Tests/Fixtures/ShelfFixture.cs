using Fleet.Agent.Disk;
using Fleet.Agent.Enrollment;
using Fleet.Agent.Facts;
using Fleet.Agent.Shelf;
using Fleet.Contracts.Devices;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Fixtures;

/// <summary>The download room of an enrolled device, in this process, against a real server.</summary>
internal sealed class ShelfFixture : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    private ShelfFixture(TestServer server, string? dataFolder)
    {
        Server = server;
        Data = new DataFolder(dataFolder ?? _folder.Path);
    }

    public TestServer Server { get; }

    public DataFolder Data { get; }

    public DeviceCredentials Credentials { get; private set; } = null!;

    public ArtifactShelf Shelf => new(Data);

    public ShelfOptions Options { get; } = new()
    {
        RetryDelay = TimeSpan.FromMilliseconds(10),
        MaximumRetryDelay = TimeSpan.FromMilliseconds(20),
        MaximumAttempts = 3,
        StallTimeout = TimeSpan.FromSeconds(20),
    };

    public ArtifactDownload Download
        => new(Shelf, NothingCarried(), Credentials, Options, new Random(1), TimeProvider.System, NullLogger<ArtifactDownload>.Instance);

    private CarriedArtifacts NothingCarried()
    {
        var carried = new CarriedArtifacts(Shelf);
        carried.Known();
        return carried;
    }

    public static async Task<ShelfFixture> StartAsync(string? dataFolder = null)
    {
        var fixture = new ShelfFixture(await TestServer.StartAsync(), dataFolder);
        var identity = await new Enroller(fixture.Data, new FactsReader(), TimeProvider.System, _ => { }).EnrollAsync(
            new EnrollmentOrder(fixture.Server.Address, fixture.Server.Token.Reveal(), DeviceId.Parse("dev-1"), null),
            CancellationToken.None);
        fixture.Credentials = new DeviceCredentials(fixture.Data, identity, new TrustedTime(fixture.Data, TimeProvider.System));
        return fixture;
    }

    /// <summary>Lets the device reach its server over another link from now on.</summary>
    public void GoThrough(TcpFaultProxy link)
        => Credentials = new DeviceCredentials(
            Data, Credentials.Identity with { Server = new Uri($"https://localhost:{link.Port}") }, Credentials.Time);

    /// <summary>Bytes that do not repeat.</summary>
    public static byte[] Content(int length)
    {
        var content = new byte[length];
        new Random(length).NextBytes(content);
        return content;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Dispose();
    }
}
