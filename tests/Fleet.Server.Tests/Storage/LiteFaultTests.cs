using Fleet.Server.Storage;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Server.Tests.Storage;

/// <summary>What lies beneath LiteDB: power cuts, disks that fail, files that are damaged.</summary>
public sealed class LiteFaultTests : IDisposable
{
    private static readonly DocumentType[] Types = [
        new DocumentType("counter", TestJson.Default.Counter), new DocumentType("note", TestJson.Default.Note),
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Power_cut_at_any_moment_keeps_what_was_acknowledged_and_nothing_by_halves()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var disk = new UnreliableDisk(seed);
            var chance = new Random(seed);
            var acknowledged = new long[4];
            for (var life = 0; life < 4; life++)
            {
                var store = Open(disk);
                await AssertWholeAsync(store, acknowledged, $"seed {seed}, life {life}");
                // Each life ends in the middle of some write or sync, checkpoints among them.
                if (chance.Next(2) == 0) disk.WritesUntilFailure = chance.Next(400);
                else disk.SyncsUntilFailure = chance.Next(25);
                await WriteUntilFailureAsync(store, acknowledged);
                (disk.WritesUntilFailure, disk.SyncsUntilFailure) = (0, 0);
                await store.DisposeAsync();
                disk.CutPower();
                (disk.WritesUntilFailure, disk.SyncsUntilFailure) = (-1, -1);
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Failed_write_or_sync_fails_its_group_is_told_by_health_and_leaves_no_trace(bool sync)
    {
        var disk = new UnreliableDisk(1);
        var store = Open(disk);
        await store.CommitAsync([StoreChange.Create("a", new Counter(1))], default);

        if (sync) disk.SyncsUntilFailure = 0;
        else disk.WritesUntilFailure = 1;
        var group = Enumerable.Range(0, 8).Select(n => store.CommitAsync([StoreChange.Create($"lost-{n}", new Counter(n))], default))
            .ToArray();
        foreach (var commit in group)
        {
            var failure = await Assert.ThrowsAsync<StoreException>(() => commit);
            Assert.Equal((StoreFailure.Unavailable, true), (failure.Failure, failure.MayBeRetried));
        }
        Assert.NotNull(await store.ProblemAsync(default));
        (disk.WritesUntilFailure, disk.SyncsUntilFailure) = (-1, -1);

        Assert.Null(await store.ProblemAsync(default));
        await store.CommitAsync([StoreChange.Put("a", new Counter(2), 1)], default);
        // No word to the disk any more: it is as if the process ended here.
        (disk.WritesUntilFailure, disk.SyncsUntilFailure) = (0, 0);
        await store.DisposeAsync();
        disk.CutPower();
        (disk.WritesUntilFailure, disk.SyncsUntilFailure) = (-1, -1);
        await using var after = Open(disk);
        Assert.Equal(2, (await after.FindAsync<Counter>("a", default))!.Document.Value);
        Assert.Equal(1, await after.AllAsync<Counter>("", default).CountAsync());
    }

    [Fact]
    public async Task Failed_commit_leaves_nothing_behind_that_the_garbage_collector_stumbles_over()
    {
        // LiteDB's transactions have a finalizer that throws when a write failed in the middle of a commit: it ended the process.
        var disk = new UnreliableDisk(1);
        for (var round = 0; round < 10; round++)
        {
            await using var store = Open(disk);
            disk.WritesUntilFailure = round;
            await Assert.ThrowsAsync<StoreException>(() =>
                store.CommitAsync([
                    .. Enumerable.Range(0, 20).Select(n => StoreChange.Create($"{round}/{n}", new Note(new string('x', 2000)))),
                ], default));
            disk.WritesUntilFailure = -1;
        }
        GC.Collect();
        GC.WaitForPendingFinalizers();
        await using var after = Open(disk);
        Assert.Equal(0, await after.AllAsync<Note>("", default).CountAsync());
    }

    [Fact]
    public async Task Commits_that_wait_together_share_one_sync()
    {
        var disk = new UnreliableDisk(1);
        await using var store = Open(disk);
        await store.CommitAsync([StoreChange.Create("first", new Counter(0))], default);
        var before = disk.Syncs;
        await store.CommitAsync([StoreChange.Create("alone", new Counter(0))], default);
        Assert.Equal(before + 1, disk.Syncs);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(n => store.CommitAsync([StoreChange.Create($"{n}", new Counter(n))], default)));
        Assert.InRange(disk.Syncs - before, 2, 60);
    }

    [Fact]
    public async Task Reading_syncs_nothing()
    {
        var disk = new UnreliableDisk(1);
        await using var store = Open(disk);
        await store.CommitAsync([StoreChange.Create("a", new Counter(0))], default);
        var before = disk.Syncs;
        await store.FleetRollupsAsync(new(RollupPeriod.Minute, DateTimeOffset.MinValue), default);
        Assert.Null(await store.ProblemAsync(default));
        Assert.Equal(before, disk.Syncs);
    }

    [Theory]
    [InlineData("fleet.db", 0.5, "fleet.db is cut")]
    [InlineData("fleet.db", 0, "fleet.db is cut")]
    [InlineData("fleet-log.db", 0, "log of fleet.db is missing or empty")]
    public async Task File_that_is_cut_or_emptied_is_refused(string name, double share, string sentence)
    {
        await FillAsync();
        var file = _folder[name];
        using (var cut = new FileStream(file, FileMode.Open)) cut.SetLength((long)(cut.Length * share));
        var bytes = await File.ReadAllBytesAsync(file);

        var refused = Assert.Throws<StoreException>(() => Open());

        Assert.Equal(StoreFailure.Corrupt, refused.Failure);
        Assert.Contains(sentence, refused.Message, StringComparison.Ordinal);
        Assert.Contains("backup", refused.Message, StringComparison.Ordinal);
        Assert.Equal(bytes, await File.ReadAllBytesAsync(file));
    }

    [Theory]
    [InlineData("fleet.db", "fleet.db is cut: it has 0 bytes")]
    [InlineData("fleet-log.db", "log of fleet.db is missing or empty")]
    public async Task File_that_is_missing_is_refused(string name, string sentence)
    {
        await FillAsync();
        File.Delete(_folder[name]);
        Assert.Contains(sentence, Assert.Throws<StoreException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_of_another_backup_is_refused()
    {
        await FillAsync();
        var old = await File.ReadAllBytesAsync(_folder["fleet-log.db"]);
        await FillAsync(from: 1000);
        await FillAsync(from: 2000);
        await File.WriteAllBytesAsync(_folder["fleet-log.db"], old);
        Assert.Contains("do not belong together", Assert.Throws<StoreException>(() => Open()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Damage_in_the_middle_of_the_log_is_refused_and_a_torn_end_is_not()
    {
        await using (var store = Open())
        {
            for (var n = 0; n < 10; n++) await store.CommitAsync([StoreChange.Create($"{n}", new Counter(n))], default);
            File.Copy(_folder["fleet.db"], _folder["copy.db"]);
            File.Copy(_folder["fleet-log.db"], _folder["copy-log.db"]);
        }
        var log = await File.ReadAllBytesAsync(_folder["copy-log.db"]);

        log[^1000] ^= 1;
        await File.WriteAllBytesAsync(_folder["copy-log.db"], log);
        await using (var torn = Open("copy.db")) Assert.Equal(9, await torn.AllAsync<Counter>("", default).CountAsync());

        log[LiteLog.HeaderBytes + LiteLog.FrameBytes + 1000] ^= 1;
        await File.WriteAllBytesAsync(_folder["copy-log.db"], log);
        Assert.Contains("page 1 of it is damaged", Assert.Throws<StoreException>(() => Open("copy.db")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Database_of_an_earlier_version_is_taken_over_with_its_log(bool closed)
    {
        var path = _folder["fleet.db"];
        var connection = new LiteDB.ConnectionString { Filename = path, Collation = LiteDB.Collation.Binary };
        var database = new LiteDB.LiteDatabase(connection);
        database.GetCollection("documents")
            .Insert(new LiteDB.BsonDocument { ["_id"] = "counter/a", ["version"] = 3L, ["json"] = """{"Value":7}""" });
        if (closed) database.Dispose();
        else
        {
            // As a killed process leaves them.
            File.Copy(path, _folder["killed.db"]);
            File.Copy(_folder["fleet-log.db"], _folder["killed-log.db"]);
            database.Dispose();
        }

        for (var start = 0; start < 2; start++)
        {
            await using var store = Open(closed ? "fleet.db" : "killed.db");
            Assert.Equal(new Stored<Counter>("a", 3, new Counter(7)), await store.FindAsync<Counter>("a", default));
        }
    }

    [Fact]
    public async Task Second_server_on_one_folder_is_refused()
    {
        await using var first = Open();
        Assert.Contains("in use by another server", Assert.Throws<IOException>(() => Open()).Message, StringComparison.Ordinal);
    }

    private static LiteFleetStore Open(UnreliableDisk disk, string path)
        => new(new LiteStoreSettings { Path = path, OpenFile = disk.Open, CheckpointPages = 24 }, Types, TimeProvider.System,
            NullLogger<LiteFleetStore>.Instance);

    private static async Task WriteUntilFailureAsync(LiteFleetStore store, long[] acknowledged)
    {
        await Task.WhenAll(acknowledged.Select(async (_, writer) =>
        {
            try
            {
                // Of some length, so that a commit is several pages.
                for (var padding = new string('x', 3000); ;)
                {
                    var stored = await store.FindAsync<Counter>($"left-{writer}", default);
                    var (version, next) = (stored?.Version ?? 0, (stored?.Document.Value ?? 0) + 1);
                    await store.CommitAsync(
                    [
                        StoreChange.Put($"left-{writer}", new Counter(next), version),
                        StoreChange.Put($"right-{writer}", new Counter(next), version),
                        StoreChange.Create($"{writer}/{next:d6}", new Note(padding)),
                    ], default);
                    acknowledged[writer] = next;
                }
            }
            catch (StoreException)
            {
                // The disk failed; the power goes next.
            }
        }));
    }

    private static async Task AssertWholeAsync(LiteFleetStore store, long[] acknowledged, string when)
    {
        for (var writer = 0; writer < acknowledged.Length; writer++)
        {
            var left = (await store.FindAsync<Counter>($"left-{writer}", default))?.Document.Value ?? 0;
            var right = (await store.FindAsync<Counter>($"right-{writer}", default))?.Document.Value ?? 0;
            Assert.True(left >= acknowledged[writer], $"{when}: writer {writer} was told {acknowledged[writer]}, the disk holds {left}.");
            Assert.True(left == right, $"{when}: half a commit of writer {writer}, {left} and {right}.");
            Assert.Equal(left, await store.AllAsync<Note>($"{writer}/", default).CountAsync());
            // What came through although nobody was told so counts as well from here on.
            acknowledged[writer] = left;
        }
    }

    private LiteFleetStore Open(UnreliableDisk disk) => Open(disk, _folder["fleet.db"]);

    private LiteFleetStore Open(string name = "fleet.db")
        => new(new LiteStoreSettings { Path = _folder[name] }, Types, TimeProvider.System, NullLogger<LiteFleetStore>.Instance);

    private async Task FillAsync(int from = 0)
    {
        await using var store = Open();
        await store.CommitAsync(
            [.. Enumerable.Range(from, 500).Select(n => StoreChange.Create($"{n:d5}", new Note(new string('x', 500))))], default);
    }
}
