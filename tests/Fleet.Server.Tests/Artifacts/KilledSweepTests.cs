using System.Text.Json;
using Fleet.Server.Artifacts;
using Fleet.Server.Audit;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Artifacts;

/// <summary>A server that is killed in the middle of a sweep.</summary>
public sealed class KilledSweepTests : IAsyncLifetime
{
    private const int Left = 20_000;

    private TestFleet _fleet = null!;

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Fact]
    public async Task Sweep_goes_on_after_a_kill_and_takes_nothing_that_is_used_and_nothing_without_a_line()
    {
        await _fleet.ReleaseAsync();
        var folder = Path.Combine(_fleet.Folder, "artifacts");
        var used = Directory.GetFiles(folder).Select(Path.GetFileName).Where(ArtifactStore.IsDigest).OfType<string>().ToList();
        var left = Enumerable.Range(0, Left).Select(i => $"{i:x64}").ToList();
        var remaining = 0;
        await _fleet.LendAsync(async () =>
        {
            var longAgo = DateTimeOffset.UtcNow.AddDays(-30);
            foreach (var digest in left.Concat(used))
            {
                var file = Path.Combine(folder, digest);
                if (!File.Exists(file)) await File.WriteAllBytesAsync(file, [1, 2, 3]);
                File.SetLastWriteTimeUtc(file, longAgo.UtcDateTime);
            }
            await File.WriteAllTextAsync(
                Path.Combine(folder, "unused.json"), JsonSerializer.Serialize(left.ToDictionary(digest => digest, _ => longAgo)));

            await using (var server = await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0"))
            {
                await Eventually.TrueAsync("some are swept", () => Remaining() < Left - 500);
                await server.KillAsync();
            }
            remaining = Remaining();
            await using (await ServerProcess.StartAsync(_fleet.Folder, "--Fleet:Workers=0"))
                await Eventually.TrueAsync("the others are swept", () => Remaining() == 0, TimeSpan.FromMinutes(5));
        });
        Assert.InRange(remaining, 1, Left - 500);

        Assert.All(used, digest => Assert.True(File.Exists(Path.Combine(folder, digest))));
        Assert.Null(await _fleet.Of<ArtifactInventory>().LookAsync(default));
        var reader = _fleet.Of<AuditReader>();
        Assert.Empty((await reader.VerifyAsync(null, null, default)).Problems);
        var named = reader.List(new AuditQuery(null, "fleet-server", 0, 100_000), default).Views
            .SelectMany(line => line.Changes).Select(change => change.What).ToHashSet();
        Assert.DoesNotContain(left, digest => !named.Contains($"artifact/{digest}"));

        int Remaining() => Directory.EnumerateFiles(folder).Count() - used.Count - 1;
    }
}
