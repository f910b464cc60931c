using Fleet.Agent.Shelf;
using Fleet.Contracts.Releases;

namespace Fleet.Agent.Tests.Shelf;

public sealed class DownloadTallyTests
{
    private static readonly ShelfOptions Options = new()
    {
        MaximumAttempts = 3,
        MaximumMismatches = 2,
        MinimumBytesPerSecond = 1000,
        Patience = TimeSpan.FromMinutes(1),
    };

    private static readonly ArtifactReference Artifact = new("m.onnx", new string('a', 64), 60_000);

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(1, 0, true)]
    [InlineData(9_999, 10, false)]
    [InlineData(10_000, 10, true)]
    public void Attempt_is_worth_what_it_brought_for_its_time(long bytes, int seconds, bool progressed)
        => Assert.Equal(progressed ? AttemptEnd.Progressed : AttemptEnd.Fruitless,
            DownloadTally.EndOf(bytes, TimeSpan.FromSeconds(seconds), Options));

    [Theory]
    [InlineData("", null)]
    [InlineData("FF", null)]
    [InlineData("FFF", "3 attempts in a row")]
    [InlineData("FFPFF", null)]
    [InlineData("FFPFFF", "3 attempts in a row")]
    [InlineData("PPPPPPPPPPPPPPPP", null)]
    [InlineData("M", null)]
    [InlineData("MPPFM", "assembled 2 times")]
    [InlineData("FFMFF", null)]
    public void Download_goes_on_until_its_attempts_are_used_up(string attempts, string? problem)
    {
        var tally = attempts.Aggregate(new DownloadTally(), (sum, end) => sum.After(end switch
        {
            'F' => AttemptEnd.Fruitless,
            'M' => AttemptEnd.Mismatched,
            _ => AttemptEnd.Progressed,
        }));
        var found = tally.GivesUp(Artifact, TimeSpan.Zero, Options);
        if (problem is null) Assert.Null(found);
        else Assert.Contains(problem, found, StringComparison.Ordinal);
    }

    [Fact]
    public void Download_ends_however_well_each_attempt_goes()
    {
        // A minute of patience, and a minute for 60,000 bytes at 1,000 a second.
        Assert.Equal(TimeSpan.FromMinutes(2), DownloadTally.Deadline(Artifact, Options));
        Assert.Null(new DownloadTally().GivesUp(Artifact, TimeSpan.FromMinutes(2), Options));
        Assert.Contains("within 00:02:01", new DownloadTally().GivesUp(Artifact, TimeSpan.FromSeconds(121), Options),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Waits_grow_with_what_failed_and_start_anew_with_progress()
    {
        var tally = new DownloadTally().After(AttemptEnd.Fruitless).After(AttemptEnd.Fruitless);
        Assert.Equal(2, tally.Failures);
        Assert.Equal(1, tally.After(AttemptEnd.Progressed).Failures);
        Assert.Equal(2, new DownloadTally().After(AttemptEnd.Mismatched).After(AttemptEnd.Mismatched).Failures);
    }
}
