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
        outbox.SetReported("old"u8.ToArray());
        outbox.SetReported("new"u8.ToArray());
        var taken = outbox.TakeReported()!;
        Assert.Equal("new", Encoding.ASCII.GetString(taken));
        Assert.Null(outbox.TakeReported());
        outbox.SetReported("newest"u8.ToArray());
        outbox.ReturnReported(taken);
        Assert.Equal("newest", Encoding.ASCII.GetString(outbox.TakeReported()!));
    }

    private Outbox Open(LinkOptions? options = null)
    {
        var data = new DataFolder(_folder.Path);
        data.Create();
        return new Outbox(data, options ?? new LinkOptions(), NullLogger<Outbox>.Instance);
    }
}
