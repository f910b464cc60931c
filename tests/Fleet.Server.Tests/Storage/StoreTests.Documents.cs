using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

public abstract partial class StoreTests
{
    [Fact]
    public async Task Document_is_found_again_after_the_store_was_closed()
    {
        await _test.Store.CommitAsync([StoreChange.Create("a", new Note("one"))], default);
        await _test.Store.CommitAsync([StoreChange.Put("a", new Note("two"), 1)], default);
        await _test.ReopenAsync();

        Assert.Equal(new Stored<Note>("a", 2, new Note("two")), await _test.Store.FindAsync<Note>("a", default));
        Assert.Null(await _test.Store.FindAsync<Counter>("a", default));
    }

    [Fact]
    public async Task Removed_document_stays_away()
    {
        await _test.Store.CommitAsync([StoreChange.Create("a", new Note("one"))], default);
        await _test.Store.CommitAsync([(await _test.Store.FindAsync<Note>("a", default))!.Removal()], default);
        Assert.Null(await _test.Store.FindAsync<Note>("a", default));
        await _test.ReopenAsync();
        Assert.Null(await _test.Store.FindAsync<Note>("a", default));
    }

    [Fact]
    public async Task Commit_with_one_stale_change_leaves_nothing_behind()
    {
        await _test.Store.CommitAsync([StoreChange.Create("a", new Note("one"))], default);

        var conflict = await Assert.ThrowsAsync<VersionConflictException>(() => _test.Store.CommitAsync(
            [StoreChange.Create("b", new Note("new")), StoreChange.Put("a", new Note("stale"), 7)], default));

        Assert.Contains("note 'a' is at version 1, not 7", conflict.Message, StringComparison.Ordinal);
        await _test.ReopenAsync();
        Assert.Null(await _test.Store.FindAsync<Note>("b", default));
        Assert.Equal("one", (await _test.Store.FindAsync<Note>("a", default))!.Document.Text);
    }

    [Fact]
    public async Task Creating_what_exists_is_a_conflict()
    {
        await _test.Store.CommitAsync([StoreChange.Create("a", new Note("one"))], default);
        await Assert.ThrowsAsync<VersionConflictException>(
            () => _test.Store.CommitAsync([StoreChange.Create("a", new Note("two"))], default));
    }

    /// <summary>Found in review: it went round until whoever asked hung up, with a commit queued each time.</summary>
    [Fact]
    public async Task Decision_that_does_not_read_what_it_changes_is_given_up()
    {
        await _test.Store.CommitAsync([StoreChange.Create("a", new Note("one"))], default);
        var rounds = 0;
        await Assert.ThrowsAsync<VersionConflictException>(() => _test.Store.RetryAsync(async store =>
        {
            if (rounds++ < 100) await store.CommitAsync([StoreChange.Create("a", new Note("two"))], default);
            return rounds;
        }, default));
        Assert.InRange(rounds, 2, 50);
    }

    [Fact]
    public async Task Decision_that_loses_against_others_again_and_again_is_made_in_the_end()
    {
        await _test.Store.CommitAsync([StoreChange.Create("a", new Note("0"))], default);
        var rounds = 0;
        await _test.Store.RetryAsync(async store =>
        {
            var found = (await store.FindAsync<Note>("a", default))!;
            if (++rounds <= 50) await store.CommitAsync([found.Change(new Note($"{rounds}"))], default);
            await store.CommitAsync([found.Change(new Note("mine"))], default);
            return rounds;
        }, default);
        Assert.Equal(51, rounds);
        Assert.Equal("mine", (await _test.Store.FindAsync<Note>("a", default))!.Document.Text);
    }

    [Fact]
    public async Task Pages_follow_the_id_and_end_with_the_prefix()
    {
        string[] ids = ["r1/b", "r1/a", "r10/a", "r1/c", "r2/a", "r1"];
        await _test.Store.CommitAsync([.. ids.Select(id => StoreChange.Create(id, new Note(id)))], default);

        var first = await _test.Store.ListAsync<Note>("r1/", null, 2, default);
        var second = await _test.Store.ListAsync<Note>("r1/", first[^1].Id, 2, default);

        Assert.Equal(["r1/a", "r1/b"], first.Select(note => note.Id));
        Assert.Equal(["r1/c"], second.Select(note => note.Id));
        Assert.Equal(6, await _test.Store.AllAsync<Note>("", default).CountAsync());
    }

    [Fact]
    public async Task Newest_come_backwards_by_id_page_after_page()
    {
        string[] ids = ["r1/a", "r1/b", "r1/c", "r1/\u00e9", "r10/a", "r2/a"];
        await _test.Store.CommitAsync([.. ids.Select(id => StoreChange.Create(id, new Note(id)))], default);

        var first = await _test.Store.ListNewestAsync<Note>("r1/", null, 2, default);
        var second = await _test.Store.ListNewestAsync<Note>("r1/", first[^1].Id, 3, default);

        Assert.Equal(["r1/\u00e9", "r1/c"], first.Select(note => note.Id));
        Assert.Equal(["r1/b", "r1/a"], second.Select(note => note.Id));
        Assert.Equal(ids.Order(StringComparer.Ordinal).Reverse(),
            await _test.Store.NewestAsync<Note>("", default).Select(note => note.Id).ToListAsync());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(IFleetStore.MaximumPage + 1)]
    public async Task Page_without_bounds_is_refused(int limit)
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _test.Store.ListAsync<Note>("", null, limit, default));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _test.Store.ListNewestAsync<Note>("", null, limit, default));
    }

    [Fact]
    public async Task All_documents_come_even_when_they_fill_pages_to_the_last_place()
    {
        await _test.Store.CommitAsync(
            [.. Enumerable.Range(0, 2 * IFleetStore.MaximumPage).Select(n => StoreChange.Create($"{n:d5}", new Counter(n)))], default);
        Assert.Equal(2 * IFleetStore.MaximumPage, await _test.Store.AllAsync<Counter>("", default).CountAsync());
        Assert.Equal(2 * IFleetStore.MaximumPage, await _test.Store.NewestAsync<Counter>("", default).CountAsync());
    }

    [Fact]
    public async Task Many_writers_of_one_document_lose_no_increment()
    {
        const int writers = 16, increments = 25;
        await _test.Store.CommitAsync([StoreChange.Create("n", new Counter(0))], default);

        await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < increments; i++)
                await _test.Store.UpdateAsync<Counter>("n", counter => new Counter(counter.Value + 1), default);
        })));

        await _test.ReopenAsync();
        Assert.Equal(writers * increments, (await _test.Store.FindAsync<Counter>("n", default))!.Document.Value);
    }

    [Fact]
    public async Task Readers_never_see_half_a_commit()
    {
        await _test.Store.CommitAsync(
            [StoreChange.Create("p/left", new Counter(0)), StoreChange.Create("p/right", new Counter(0))], default);
        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(async () =>
        {
            var reads = 0;
            for (; !done.IsCancellationRequested; reads++)
            {
                var pair = await _test.Store.ListAsync<Counter>("p/", null, 2, default);
                Assert.Equal(pair[0].Document.Value, pair[1].Document.Value);
            }
            return reads;
        })).ToList();

        for (var n = 1; n <= 200; n++)
            await _test.Store.CommitAsync(
                [StoreChange.Put("p/left", new Counter(n), n), StoreChange.Put("p/right", new Counter(n), n)], default);
        await done.CancelAsync();

        Assert.All(await Task.WhenAll(readers), reads => Assert.True(reads > 0));
    }

    [Fact]
    public async Task Document_that_is_too_large_is_refused_and_the_store_lives_on()
    {
        var large = new Note(new string('x', IFleetStore.MaximumDocumentBytes + 1));
        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => _test.Store.CommitAsync([StoreChange.Create("a", large)], default));
        Assert.Contains("artifact", refusal.Message, StringComparison.Ordinal);
        await _test.Store.CommitAsync([StoreChange.Create("a", new Note("small"))], default);
    }

    [Fact]
    public async Task Type_nobody_registered_is_refused_by_name()
        => Assert.Contains("AddDocument",
            (await Assert.ThrowsAsync<ArgumentException>(() => _test.Store.FindAsync<string>("a", default))).Message,
            StringComparison.Ordinal);
}
