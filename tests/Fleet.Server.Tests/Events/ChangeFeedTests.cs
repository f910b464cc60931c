using Fleet.Contracts.Http;
using Fleet.Server.Events;

namespace Fleet.Server.Tests.Events;

public sealed class ChangeFeedTests
{
    private readonly ChangeFeed _feed = new();

    [Fact]
    public void Same_change_is_told_once_and_each_reader_is_told_of_it()
    {
        using var one = _feed.Subscribe(null)!;
        using var other = _feed.Subscribe(null)!;
        for (var i = 0; i < 3; i++) _feed.Committed(["device/a", "reported/a", "deviceRollout/r-1/a", "apiKey/k"]);
        ChangeView[] told = [new(ChangeKind.Device, "a"), new(ChangeKind.Rollout, "r-1")];
        Assert.Equal(told, one.Take().Changes);
        Assert.Empty(one.Take().Changes);
        Assert.Equal(told, other.Take().Changes);
    }

    [Fact]
    public void Ten_thousand_devices_that_report_between_two_looks_are_told_as_one_change()
    {
        using var reader = _feed.Subscribe(null)!;
        for (var i = 0; i < 10_000; i++) _feed.Committed([$"reported/dev-{i}", "rollout/r-1"]);
        Assert.Equal([new(ChangeKind.Device), new(ChangeKind.Rollout)], reader.Take().Changes.OrderBy(change => change.Kind));
        // What comes afterwards is named again.
        _feed.Committed(["reported/dev-1"]);
        Assert.Equal([new ChangeView(ChangeKind.Device, "dev-1")], reader.Take().Changes);
    }

    [Fact]
    public void Reader_that_missed_nothing_is_told_nothing_and_one_that_may_have_is_told_to_read_everything()
    {
        var moment = _feed.Moment;
        using (var current = _feed.Subscribe(moment)!) Assert.Empty(current.Take().Changes);
        _feed.Committed(["device/a"]);
        using var late = _feed.Subscribe(moment)!;
        Assert.Equal(Enum.GetValues<ChangeKind>().Select(kind => new ChangeView(kind)), late.Take().Changes);
        // A moment of an earlier run of the server has the same number and another name.
        using var before = new ChangeFeed().Subscribe(moment)!;
        Assert.NotEmpty(before.Take().Changes);
    }

    [Fact]
    public void Readers_have_a_maximum_and_make_room_when_they_leave()
    {
        var readers = Enumerable.Range(0, ChangeFeed.MaximumReaders).Select(_ => _feed.Subscribe(null)!).ToList();
        Assert.Null(_feed.Subscribe(null));
        readers[0].Dispose();
        Assert.NotNull(_feed.Subscribe(null));
    }
}
