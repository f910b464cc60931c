using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

public sealed class TelemetryBlockTests
{
    [Fact]
    public void Pack_gives_back_what_went_in_and_is_smaller()
    {
        (string Subject, byte[] Batch)[] entries = [.. Enumerable.Range(0, 100).Select(n => ($"dev-{n}", new byte[640])), ("", [1, 2, 3])];
        var pack = TelemetryBlock.Write(entries);
        Assert.InRange(pack.Length, 1, 64_000 / 4);
        Assert.Equal(entries, TelemetryBlock.Read(pack).Select(entry => (entry.Subject, entry.Batch.ToArray())));
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 2, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 1, 9, 0, 0, 0, 7, 7 })]
    public void Bytes_of_a_later_version_or_damaged_ones_are_refused(byte[] pack)
        => Assert.Throws<InvalidDataException>(() => TelemetryBlock.Read(pack).ToList());

    [Fact]
    public void What_the_first_version_wrote_is_read()
    {
        // Bytes as version 1 wrote them: one batch of the device "d".
        const string text =
            "AegAAACHcwAAgKqqqupf7XTlq4sBiLofDFwuZ78Z2EFdTQzAwNVEwVXVDMDBwA6ns9vsurXF8owvh2GAAeYYRhgGHrKHjGGjc879"
            + "nXPziarfXS0qZCAsJW8Q+OfAPfue/YtZmIX5ppAgtFx60GPdlmdNFTKesLgCwQbCoaWu2SCecISyBmsQHCDEvFuDPAhaSi4VwoQU"
            + "mlr8QU689/jR9iqcBvp9vQgxhVo1kfB0L2CyZZ3VokLG6ZquAQ==";
        var pack = Convert.FromBase64String(text);
        Assert.Equal(("d", 7L), TelemetryBlock.Read(pack)
            .Select(entry => (entry.Subject, TelemetryBlock.Decode(entry.Batch).Sequence)).Single());
    }
}
