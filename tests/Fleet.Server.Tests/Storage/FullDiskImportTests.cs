using System.Net;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Releases;
using Fleet.Server.Artifacts;
using Fleet.Server.Devices;
using Fleet.Server.Releases;
using Fleet.Server.Tests.Devices;
using Fleet.Server.Tests.Releases;

namespace Fleet.Server.Tests.Storage;

/// <summary>The server's disk is full to the last byte while files are carried to and from it.</summary>
public sealed class FullDiskImportTests : IAsyncLifetime
{
    private readonly SmallDisk _disk = SmallDisk.Mount();
    private TestFleet _fleet = null!;
    private CarriedDevice _device = null!;
    private Release _release = null!;

    public async ValueTask InitializeAsync()
    {
        _fleet = await TestFleet.StartAsync();
        await _fleet.EnrollAsync(1, prefix: "site");
        _release = await _fleet.ReleaseAsync();
        _device = new CarriedDevice(_fleet, "site-00000");
        _ = _device.Issued;
        await _fleet.LendAsync(() =>
        {
            foreach (var file in Directory.EnumerateFiles(_fleet.Folder, "*", SearchOption.AllDirectories))
            {
                var copy = Path.Combine(_disk.Path, Path.GetRelativePath(_fleet.Folder, file));
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(file, copy);
            }
            return Task.CompletedTask;
        });
        await _fleet.RestartAsync([$"--Fleet:DataFolder={_disk.Path}", "--Fleet:FreeSpaceReserve=0"]);
    }

    public async ValueTask DisposeAsync()
    {
        _device.Dispose();
        await _fleet.DisposeAsync();
        _disk.Dispose();
    }

    [Fact]
    public async Task Release_that_finds_no_space_leaves_nothing_half_written_and_is_taken_from_the_same_file_later()
    {
        var bundle = await ReleaseBundleTests.ExportAsync(_fleet, _release);
        await ReleaseBundleTests.ForgetAsync(_fleet, "speech", 1);
        _disk.Fill();
        await RefusedAsync("/api/v1/releases/bundles", bundle);
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(_disk.Path, "artifacts", "staging")));
        Assert.Null(await _fleet.Store.FindAsync<Release>(Release.IdOf("speech", 1), default));

        _disk.MakeSpace();
        using var taken = await _fleet.Http.PostAsync("/api/v1/releases/bundles", new ByteArrayContent(bundle));
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        foreach (var artifact in BundleFormat.NamesOf(_release.ReadManifest()).Values)
            Assert.Equal(artifact.Bytes, _fleet.Of<ArtifactStore>().LengthOf(artifact.Sha256));
    }

    [Fact]
    public async Task Release_is_exported_from_a_full_disk()
    {
        var before = await ReleaseBundleTests.ExportAsync(_fleet, _release);
        _disk.Fill();
        var after = await ReleaseBundleTests.ExportAsync(_fleet, _release);
        Assert.Equal(before.Length, after.Length);
    }

    [Fact]
    public async Task Report_that_finds_no_space_counts_whole_and_once_when_the_same_file_is_imported_later()
    {
        var file = _device.FileOf(await _device.ReportAsync(100, null, _device.Pack(1, 2, 3), _device.Pack(4)));
        _disk.Fill();
        await RefusedAsync("/api/v1/reports", file);
        Assert.Null(await _fleet.Store.FindAsync<DeviceReported>("site-00000", default));

        _disk.MakeSpace();
        await CarriedDevice.ImportAsync(_fleet, file);
        await _fleet.RestartAsync();
        Assert.Equal(100, (await _fleet.Store.FindAsync<DeviceReported>("site-00000", default))!.Document.State.ReportNumber);
        var told = await _fleet.Http.GetStringAsync(new Uri("/api/v1/telemetry?device=site-00000", UriKind.Relative));
        var view = Assert.Single(JsonSerializer.Deserialize(told, FleetJson.Default.IReadOnlyListTelemetryView)!);
        Assert.Equal((4, 4L), (view.Batches, view.Count));
    }

    /// <summary>The log is a little ahead of what is used, so that a small commit may find room where the next does not.</summary>
    private async Task RefusedAsync(string path, byte[] file)
    {
        using var refused = await _fleet.Http.PostAsync(path, new ByteArrayContent(file));
        Assert.Equal(HttpStatusCode.InsufficientStorage, refused.StatusCode);
        Assert.Contains("space", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }
}
