using System.Net;
using Fleet.Server.Artifacts;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Artifacts;

/// <summary>A data folder whose artifacts are gone says so, before a device asks for one.</summary>
public sealed class ArtifactInventoryTests : IAsyncLifetime
{
    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    private string[] Files => Directory.GetFiles(Path.Combine(_fleet.Folder, "artifacts"));

    private async Task<(HttpStatusCode Code, string Body)> HealthAsync()
    {
        var answer = await _fleet.Http.GetAsync(new Uri("/health", UriKind.Relative));
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Artifacts_that_are_gone_at_the_start_are_told_until_they_are_back()
    {
        await _fleet.ReleaseAsync();
        await _fleet.RestartAsync();
        Assert.Equal(HttpStatusCode.OK, (await HealthAsync()).Code);

        var kept = Files.ToDictionary(file => file, File.ReadAllBytes);
        foreach (var file in Files) File.Delete(file);
        await _fleet.RestartAsync();
        await Eventually.TrueAsync("health speaks of it", async () => (await HealthAsync()).Code == HttpStatusCode.ServiceUnavailable);
        Assert.Contains(" artifacts of releases are missing or cut short, such as ", (await HealthAsync()).Body,
            StringComparison.Ordinal);

        foreach (var (file, content) in kept) await File.WriteAllBytesAsync(file, content);
        await Eventually.TrueAsync("they are seen again", async () =>
        {
            _fleet.Clock.Advance(ArtifactInventory.Interval);
            return (await HealthAsync()).Code == HttpStatusCode.OK;
        });
    }

    [Fact]
    public async Task Artifact_that_was_cut_short_is_named_and_one_that_no_release_names_is_not()
    {
        await _fleet.ReleaseAsync();
        var inventory = _fleet.Of<ArtifactInventory>();
        await _fleet.Of<ArtifactStore>().StoreAsync([1, 2, 3], default);
        Assert.Null(await inventory.LookAsync(default));
        await using (var file = File.Open(Files.MaxBy(file => new FileInfo(file).Length)!, FileMode.Open)) file.SetLength(file.Length - 1);
        Assert.StartsWith("1 artifact of releases is missing or cut short, such as ", await inventory.LookAsync(default),
            StringComparison.Ordinal);
    }
}
