using Fleet.Contracts.Telemetry;
using Fleet.Server.Storage;
using Fleet.TestKit;

namespace Fleet.Server.Tests.Storage;

public sealed class TelemetryBlockTests
{
    [Fact]
    public void Pack_gives_back_what_went_in_and_is_smaller()
    {
        (string Subject, ReadOnlyMemory<byte> Message)[] entries =
            [.. Enumerable.Range(0, 100).Select(n => ($"dev-{n}", (ReadOnlyMemory<byte>)new byte[640])), ("", new byte[] { 1, 2, 3 })];
        var pack = TelemetryBlock.Write(entries);
        Assert.InRange(pack.Length, 1, 64_000 / 4);
        Assert.Equal(entries.Select(entry => (entry.Subject, Convert.ToHexString(entry.Message.Span))),
            TelemetryBlock.Read(pack).Select(entry => (entry.Subject, Convert.ToHexString(entry.Message.Span))));
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 3, 0, 0, 0, 0 })]
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
            .Select(entry => (entry.Subject, TelemetryBlock.Decode(entry.Message).Single().Sequence)).Single());
    }

    [Fact]
    public void What_the_second_version_wrote_is_read()
    {
        // Bytes as version 2 wrote them: the golden pack of protocol 2, of the device "d".
        const string text =
            "AngAAACHO4ABAAAAbwAAAGSDAhhpWGmGGHYBAIMbAAABoghG/gAAGScQgYppdmlicmF0aW9uAmh4NjQtaW50OBgpAYYYWfYCCAgBBoYA9gIGAA"
                + "GKBAEBAgADAAQA9oEAhfs/vrhR64UeuBqAAAAAGgWgAAD5UnAbAAAAAwAAAAAD";
        var (subject, message) = TelemetryBlock.Read(Convert.FromBase64String(text)).Single();
        Assert.Equal(("d", GoldenPack), (subject, Convert.ToHexStringLower(message.Span)));
        Assert.Equal(118, TelemetryBlock.Decode(message).Single().Sequence);
    }

    [Fact]
    public void Sums_beyond_what_a_pack_may_hold_are_kept_all_the_same()
    {
        foreach (var classes in (long[][])[[LatencyHistogram.MaximumCount], [.. Enumerable.Range(1, 20_000).Select(n => (long)n)]])
        {
            var batch = new TelemetryBatch
            {
                Sequence = 1,
                From = DateTimeOffset.UnixEpoch,
                To = DateTimeOffset.UnixEpoch,
                Models =
                [
                    new InferenceStats
                    {
                        Model = "m", Version = 1, Variant = "v", Count = LatencyHistogram.MaximumCount, Classes = classes,
                    },
                ],
            };
            var read = Assert.Single(TelemetryBlock.Decode(TelemetryBlock.Encode(batch)));
            Assert.Equal(LatencyHistogram.MaximumCount, read.Models[0].Count);
            Assert.Equal(classes, read.Models[0].Classes);
            Assert.Empty(read.Models[0].Confidence);
        }
    }

    private static string GoldenPack
        => File.ReadAllText(Repository.PathOf("tests", "Fleet.Contracts.Tests", "golden", "telemetry-pack.hex")).Trim();
}
