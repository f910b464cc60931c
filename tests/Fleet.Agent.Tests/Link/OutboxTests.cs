using System.Text;
using Fleet.Agent.Disk;
using Fleet.Agent.Link;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Link;

public sealed class OutboxTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Batch_outlives_a_restart_until_it_is_acknowledged()
    {
        Open().Add(7, "seven"u8);
        var outbox = Open();
        Assert.Equal((1, 7), (outbox.Count, outbox.LargestSequence));
        Assert.Equal("seven", Encoding.ASCII.GetString(outbox.Read(7)!));
        outbox.Acknowledge(7);
        Assert.Equal(0, Open().Count);
    }

    [Fact]
    public void Oldest_batches_go_first_when_there_are_too_many()
    {
        var outbox = Open(new LinkOptions { MaximumBatches = 3 });
        for (var i = 1; i <= 5; i++) outbox.Add(i, "x"u8);
        Assert.Equal([3, 4, 5], outbox.NextPack([]));
        Assert.Equal(2, outbox.Dropped);
        Assert.Equal(3, Directory.EnumerateFiles(new DataFolder(_folder.Path).Outbox).Count());
    }

    [Fact]
    public void Oldest_batches_go_first_when_they_are_too_large()
    {
        var outbox = Open(new LinkOptions { MaximumBytes = 2048 });
        for (var i = 1; i <= 5; i++) outbox.Add(i, new byte[1000]);
        Assert.Equal([4, 5], outbox.NextPack([]));
    }

    [Fact]
    public void What_is_under_way_is_not_handed_out_again()
    {
        var outbox = Open(new LinkOptions { PackSize = 3 });
        for (var i = 1; i <= 7; i++) outbox.Add(i, "x"u8);
        Assert.Equal([1, 2, 3], outbox.NextPack([]));
        Assert.Equal([4, 5, 6], outbox.NextPack([1, 2, 3]));
        Assert.Equal([7], outbox.NextPack([1, 2, 3, 4, 5, 6]));
        Assert.Empty(outbox.NextPack([1, 2, 3, 4, 5, 6, 7]));
    }

    [Fact]
    public void Batches_without_hurry_wait_until_they_fill_a_pack_or_one_with_news_comes()
    {
        var outbox = Open(new LinkOptions { PackSize = 3 });
        Assert.Empty(outbox.NextPack([]));
        outbox.Add(1, "x"u8, urgent: false);
        outbox.Add(2, "x"u8, urgent: false);
        Assert.Empty(outbox.NextPack([]));
        outbox.Add(3, "x"u8, urgent: false);
        Assert.Equal([1, 2, 3], outbox.NextPack([]));
        foreach (var sequence in new[] { 1, 2, 3 }) outbox.Acknowledge(sequence);
        outbox.Add(4, "x"u8, urgent: false);
        outbox.Add(5, "x"u8);
        Assert.Equal([4, 5], outbox.NextPack([]));
    }

    [Fact]
    public void What_an_earlier_connection_left_goes_at_once()
    {
        var outbox = Open();
        Assert.Empty(outbox.NextPack([]));
        outbox.Add(1, "x"u8, urgent: false);
        outbox.RepeatReported();
        Assert.Equal([1], outbox.NextPack([]));
    }

    [Fact]
    public void Of_reported_states_only_the_newest_waits()
    {
        var outbox = Open();
        outbox.SetReported(Report("old"));
        outbox.SetReported(Report("new"));
        Assert.Equal("new", Taken(outbox));
        Assert.Null(Taken(outbox));
    }

    [Fact]
    public void First_report_of_each_connection_proves_what_was_ordered_and_no_other_carries_it()
    {
        var outbox = Open();
        outbox.SetReported(Report("1"));
        for (var connection = 0; connection < 2; connection++)
        {
            outbox.RepeatReported();
            Assert.Equal("1 with its order", Taken(outbox));
            Assert.Null(Taken(outbox));
        }
        outbox.SetReported(Report("2"));
        Assert.Equal("2", Taken(outbox));

        // The connection broke before that one arrived.
        outbox.RepeatReported();
        outbox.SetReported(Report("3"));
        Assert.Equal("3 with its order", Taken(outbox));
    }

    private static QueuedReport Report(string state)
        => new(Encoding.ASCII.GetBytes(state), () => Encoding.ASCII.GetBytes($"{state} with its order"));

    private static string? Taken(Outbox outbox) => outbox.TakeReported() is { } taken ? Encoding.ASCII.GetString(taken) : null;

    private Outbox Open(LinkOptions? options = null)
    {
        var data = new DataFolder(_folder.Path);
        data.Create();
        return new Outbox(data, options ?? new LinkOptions(), NullLogger<Outbox>.Instance);
    }
}
