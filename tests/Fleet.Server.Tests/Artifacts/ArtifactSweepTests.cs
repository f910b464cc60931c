using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Fleet.Contracts;
using Fleet.Contracts.Http;
using Fleet.Server.Artifacts;
using Fleet.Server.Audit;
using Fleet.Server.Http;
using Fleet.Server.Releases;
using Fleet.Server.Tests.Releases;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Artifacts;

/// <summary>What nothing uses goes after a time, and what anything uses, or is about to, never does.</summary>
public sealed class ArtifactSweepTests : IAsyncLifetime
{
    private static readonly TimeSpan Week = TimeSpan.FromDays(7);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    private TestFleet _fleet = null!;

    private ArtifactStore Artifacts => _fleet.Of<ArtifactStore>();

    private string Folder => Path.Combine(_fleet.Folder, "artifacts");

    public async ValueTask InitializeAsync() => _fleet = await TestFleet.StartAsync();

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    private Task<SweepResult> SweepAsync(TimeSpan? unusedFor = null, bool dryRun = false)
        => _fleet.Of<ArtifactSweep>().SweepAsync(unusedFor ?? Week, "tester", dryRun, default);

    private string[] Digests() => [.. Directory.GetFiles(Folder).Select(Path.GetFileName).OfType<string>().Where(ArtifactStore.IsDigest)];

    private async Task<string> JunkAsync(int bytes = 1000) => (await _fleet.ArtifactAsync("left.onnx", bytes)).Sha256;

    private async Task<SweepView> AskAsync(string request, HttpStatusCode code = HttpStatusCode.OK, HttpClient? client = null)
    {
        using var content = new StringContent(request, System.Text.Encoding.UTF8, "application/json");
        using var answer = await (client ?? _fleet.Http).PostAsync(new Uri("/api/v1/artifacts/sweep", UriKind.Relative), content);
        Assert.Equal(code, answer.StatusCode);
        return code == HttpStatusCode.OK ? (await answer.Content.ReadFromJsonAsync(FleetJson.Default.SweepView))! : null!;
    }

    [Fact]
    public async Task What_nothing_uses_goes_after_a_week_and_the_trail_names_it()
    {
        await _fleet.ReleaseAsync();
        var used = Digests();
        var junk = await JunkAsync();
        Assert.Empty((await SweepAsync()).Gone);
        _fleet.Clock.Advance(Week - Hour);
        Assert.Empty((await SweepAsync()).Gone);
        Assert.NotNull(Artifacts.LengthOf(junk));

        _fleet.Clock.Advance(Hour);
        // By itself, within its hour.
        await Eventually.TrueAsync("it is swept", () => Artifacts.LengthOf(junk) is null);
        Assert.Equal(used.Order(), Digests().Order());
        var line = await Eventually.ValueAsync("the trail names it", () => Task.FromResult(_fleet.Of<AuditReader>()
            .List(new AuditQuery(null, "fleet-server", 0, 1000), default).Views
            .FirstOrDefault(view => view.Changes.Any(change => change.What == $"artifact/{junk}"))));
        Assert.Equal("Artifacts that nothing uses are removed: 1, of 1,000 bytes.", line.What);
    }

    [Fact]
    public async Task Releases_that_were_withdrawn_or_expired_and_builds_that_were_never_released_keep_their_artifacts()
    {
        var withdrawn = await _fleet.ReleaseAsync();
        await _fleet.ReleaseAsync("vision", TimeSpan.FromDays(1));
        await _fleet.BuildAsync(
            "sound", await _fleet.VariantAsync("x64-int8", "x64"), await _fleet.VariantAsync("x64-int4", "x64", accepted: false));
        await _fleet.BuildAsync("rejected", await _fleet.VariantAsync("x64-int8", "x64", accepted: false));
        await _fleet.Of<Withdrawals>().WithdrawAsync(withdrawn.Model, withdrawn.Version, false, default);
        var before = Digests();
        await SweepAsync();
        _fleet.Later(TimeSpan.FromDays(400));

        var result = await SweepAsync(Hour);
        Assert.Empty(result.Gone);
        Assert.All(result.Seen, seen => Assert.NotNull(seen.Uses));
        Assert.Equal(before.Order(), Digests().Order());
    }

    [Fact]
    public async Task What_a_build_uploads_stays_until_it_ends_however_long_it_takes()
    {
        var build = (await _fleet.Queue.SubmitAsync(TestFleet.SpecOf("speech"), default)).Value!;
        var before = await JunkAsync();
        await SweepAsync();
        await _fleet.Queue.LeaseAsync("tester", "workers", default);
        _fleet.Clock.Advance(TimeSpan.FromSeconds(1));
        var upload = await JunkAsync();
        _fleet.Later(TimeSpan.FromDays(30));
        // Its worker is silent; another may take it any time, and is told that the upload is there.
        await SweepAsync(Hour);
        var held = Assert.Single((await SweepAsync(Hour)).Seen, seen => seen.File.Sha256 == upload);
        Assert.Equal($"build {build.Id} has begun and not ended", held.HeldBy);
        Assert.NotNull(Artifacts.LengthOf(upload));
        // It came while the build was waiting, and nobody had begun it.
        Assert.NotNull(Artifacts.LengthOf(before));

        Assert.NotNull((await _fleet.Queue.CancelAsync(build.Id, default)).Value);
        Assert.DoesNotContain(upload, (await SweepAsync(Hour)).Gone.Select(one => one.File.Sha256));
        _fleet.Clock.Advance(Hour);
        await SweepAsync(Hour);
        Assert.Empty(Digests());
    }

    [Fact]
    public async Task Build_whose_report_is_lost_keeps_what_came_while_it_ran()
    {
        var id = await _fleet.BuildAsync("speech", await _fleet.VariantAsync("x64-int8", "x64"));
        var report = (await _fleet.Store.FindAsync<Fleet.Server.Builds.Build>(id, default))!.Document.ReportSha256!;
        var kept = await File.ReadAllBytesAsync(Artifacts.PathOf(report));
        File.Delete(Artifacts.PathOf(report));
        await _fleet.RestartAsync();
        _fleet.Later(TimeSpan.FromDays(30));
        Assert.Contains(
            (await SweepAsync(Hour)).Seen,
            seen => seen.HeldBy?.StartsWith($"the report of build {id}", StringComparison.Ordinal) == true);
        var count = Digests().Length;

        await Artifacts.StoreAsync(kept, default);
        Assert.All((await SweepAsync(Hour)).Seen, seen => Assert.NotNull(seen.Uses));
        Assert.Equal(count + 1, Digests().Length);
    }

    [Fact]
    public async Task Import_that_takes_longer_than_unused_artifacts_are_kept_loses_nothing()
    {
        var release = await _fleet.ReleaseAsync();
        var bundle = await ReleaseBundleTests.ExportAsync(_fleet, release);
        await ReleaseBundleTests.ForgetAsync(_fleet, release.Model, release.Version);
        await ForgetBuildsAsync();
        var swept = 0;
        // The connection stalls before the last file for a month, in which sweeps go on.
        using var slow = new StallingStream(bundle, bundle.Length - 3000, async () =>
        {
            await SweepAsync(Hour);
            _fleet.Later(TimeSpan.FromDays(30));
            await SweepAsync(Hour);
            swept = (await SweepAsync(Hour)).Seen.Count(seen => seen.HeldBy == "a release is being imported");
        });
        var answer = await _fleet.Of<ReleaseBundles>().ReadAsync(slow, default);
        Assert.Null(answer.Problem);
        Assert.True(swept > 0, "nothing had arrived when it stalled");
        Assert.All(
            release.ReadManifest().Artifacts(), artifact => Assert.Equal(artifact.Bytes, Artifacts.LengthOf(artifact.Sha256)));
        Assert.Empty(Artifacts.Holds());
    }

    [Fact]
    public async Task Upload_that_races_a_sweep_is_there_once_it_was_answered()
    {
        byte[][] contents = [.. Enumerable.Range(0, 8).Select(_ => RandomNumberGenerator.GetBytes(64))];
        var (lost, met) = (0, 0);
        // On a busy machine a sweep may be over before the first upload begins, many times in a row.
        for (var round = 0; round < 150 || met == 0 && round < 3_000; round++)
        {
            foreach (var content in contents) await Artifacts.StoreAsync(content, default);
            await SweepAsync(Hour);
            _fleet.Clock.Advance(Hour);
            var sweep = Task.Run(() => SweepAsync(Hour));
            // Half of them as workers do who say the length, half as what must be hashed to be known.
            var uploads = contents.Select((content, i) => Task.Run(() => Artifacts.StoreAsync(
                Digest(content), new MemoryStream(content), i % 2 == 0 ? content.Length : null, default))).ToArray();
            var outcomes = await Task.WhenAll(uploads);
            await sweep;
            lost += contents.Count(content => Artifacts.LengthOf(Digest(content)) is null);
            met += outcomes.Count(outcome => outcome == ArtifactOutcome.Stored);
        }
        Assert.Equal(0, lost);
        Assert.True(met > 0, "no upload met a sweep");
    }

    [Fact]
    public async Task Build_that_ends_beside_a_sweep_names_nothing_that_is_gone()
    {
        for (var round = 0; round < 30; round++)
        {
            var variant = await _fleet.VariantAsync("x64-int8", "x64");
            var report = await _fleet.ReportAsync("speech", variant);
            // They were uploaded for a build that was cancelled, and are as old as they may get.
            await SweepAsync(Hour);
            _fleet.Clock.Advance(Hour);
            var build = (await _fleet.Queue.SubmitAsync(report.Spec, default)).Value!;
            var lease = (await _fleet.Queue.LeaseAsync("tester", "workers", default))!;
            var sweep = Task.Run(() => SweepAsync(Hour));
            var answer = await _fleet.Queue.CompleteAsync(build.Id, new CompleteRequest(lease.LeaseId, report, "page"), default);
            await sweep;
            if (answer.Value is null)
            {
                // The sweep was first: the worker is told what to upload again, and does.
                Assert.Contains(answer.Problem!.Problems, problem => problem.EndsWith("was not uploaded.", StringComparison.Ordinal));
                await _fleet.Queue.CancelAsync(build.Id, default);
                continue;
            }
            await SweepAsync(Hour);
            Assert.NotNull(Artifacts.LengthOf(variant.Artifact!.Sha256));
            Assert.NotNull(Artifacts.LengthOf(report.ValidationSet.Sha256));
            Assert.NotNull((await _fleet.Of<Publisher>().PublishAsync(new CreateReleaseRequest(build.Id), default)).Value);
        }
    }

    /// <summary>The files that came after the backup lie there, and the database knows nothing of them.</summary>
    [Fact]
    public async Task Files_that_came_after_a_backup_of_the_database_have_their_week_once_it_is_put_back()
    {
        await _fleet.ReleaseAsync();
        var backup = new Dictionary<string, byte[]>();
        await _fleet.LendAsync(async () =>
        {
            foreach (var name in (string[])["fleet.db", "fleet-log.db"])
                backup[name] = await File.ReadAllBytesAsync(Path.Combine(_fleet.Folder, name));
        });
        var later = await _fleet.ReleaseAsync("vision");
        var files = Digests();
        await SweepAsync();
        await _fleet.LendAsync(async () =>
        {
            foreach (var (name, content) in backup) await File.WriteAllBytesAsync(Path.Combine(_fleet.Folder, name), content);
            // All of it is two months old.
            foreach (var digest in files) File.SetLastWriteTimeUtc(Path.Combine(Folder, digest), DateTime.UtcNow.AddDays(-60));
        });

        await SweepAsync();
        Assert.Equal(files.Order(), Digests().Order());
        _fleet.Clock.Advance(Week - Hour);
        await SweepAsync();
        Assert.Equal(files.Order(), Digests().Order());
        _fleet.Clock.Advance(Hour);
        await SweepAsync();
        Assert.All(later.ReadManifest().Artifacts(), artifact => Assert.Null(Artifacts.LengthOf(artifact.Sha256)));
        Assert.Null(await _fleet.Of<ArtifactInventory>().LookAsync(default));
    }

    [Fact]
    public async Task Damaged_note_of_what_is_unused_only_keeps_things_longer()
    {
        var junk = await JunkAsync();
        await SweepAsync();
        _fleet.Clock.Advance(Week - Hour);
        await File.WriteAllTextAsync(Path.Combine(Folder, "unused.json"), "{");
        await SweepAsync();
        _fleet.Clock.Advance(Week - Hour);
        await SweepAsync();
        Assert.NotNull(Artifacts.LengthOf(junk));
        _fleet.Clock.Advance(Hour);
        await SweepAsync();
        Assert.Null(Artifacts.LengthOf(junk));
    }

    [Fact]
    public async Task List_says_who_uses_what_page_by_page_and_a_dry_run_removes_nothing()
    {
        var release = await _fleet.ReleaseAsync();
        var junk = await JunkAsync(5_000);
        await SweepAsync();
        var views = new List<ArtifactView>();
        for (string? next = "/api/v1/artifacts?limit=2"; next is not null;)
        {
            using var answer = await _fleet.Http.GetAsync(new Uri(next, UriKind.Relative));
            views.AddRange((await answer.Content.ReadFromJsonAsync(FleetJson.Default.IReadOnlyListArtifactView))!);
            next = answer.Headers.TryGetValues("Link", out var links) ? links.Single()[1..].Split('>')[0] : null;
        }
        Assert.Equal(Digests().Order(StringComparer.Ordinal), views.Select(view => view.Sha256));
        var model = release.ReadManifest().Variants[0].Artifact;
        var used = Assert.Single(views, view => view.Sha256 == model.Sha256);
        Assert.Equal((model.Name, 2, model.Bytes), (used.Name, used.Uses, used.Bytes));
        Assert.Equal([$"build {release.Build}", "release speech 1"], used.UsedBy.Order());
        var unused = (await _fleet.Http.GetFromJsonAsync("/api/v1/artifacts?unused=true", FleetJson.Default.IReadOnlyListArtifactView))!;
        Assert.Equal((junk, _fleet.Clock.GetUtcNow() + Week), (Assert.Single(unused).Sha256, unused[0].GoesAt));

        await AskAsync("""{"unusedFor":"00:59:59"}""", HttpStatusCode.BadRequest);
        Assert.Equal((0, 1, 5_000L), await AskAsync("{}") is var none ? (none.Removed, none.Unused, none.UnusedBytes) : default);
        _fleet.Clock.Advance(TimeSpan.FromHours(6));
        var would = await AskAsync("""{"unusedFor":"06:00:00","dryRun":true}""");
        Assert.Equal((1, 5_000L, junk, true), (would.Removed, would.RemovedBytes, would.Artifacts[0].Sha256, would.DryRun));
        Assert.NotNull(Artifacts.LengthOf(junk));
        Assert.Equal((1, views.Count - 1, 0), await AskAsync("""{"unusedFor":"06:00:00"}""") is var done
            ? (done.Removed, done.Kept, done.Unused)
            : default);
        Assert.Null(Artifacts.LengthOf(junk));
        Assert.Contains(
            _fleet.Of<AuditReader>().List(new AuditQuery(null, null, 0, 1000), default).Views,
            line => line.Changes.Any(change => change.What == $"artifact/{junk}"));
    }

    [Fact]
    public async Task Operator_may_see_what_would_go_and_not_remove_it()
    {
        await using var server = new RunningServer();
        await server.InitializeAsync();
        using var client = await server.ApiAsync("anna", [Roles.Operator], "");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri("/api/v1/artifacts", UriKind.Relative))).StatusCode);
        await AskAsync("{}", HttpStatusCode.Forbidden, client);
    }

    /// <summary>As if this server had never built it.</summary>
    private async Task ForgetBuildsAsync()
    {
        var builds = await Fleet.Server.Storage.StoreExtensions
            .AllAsync<Fleet.Server.Builds.Build>(_fleet.Store, "", default).ToListAsync();
        await _fleet.Store.CommitAsync([.. builds.Select(build => build.Removal())], default);
        foreach (var digest in Digests()) File.Delete(Artifacts.PathOf(digest));
    }

    private static string Digest(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>Bytes that stop at a place until something else has happened.</summary>
    private sealed class StallingStream(byte[] content, int at, Func<Task> meanwhile) : MemoryStream(content)
    {
        private bool _stalled;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position == at && !_stalled)
            {
                _stalled = true;
                await meanwhile();
            }
            var most = Position < at ? (int)Math.Min(buffer.Length, at - Position) : buffer.Length;
            return await base.ReadAsync(buffer[..most], cancellationToken);
        }
    }
}
