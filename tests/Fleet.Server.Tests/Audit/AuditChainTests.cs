using System.Text.Json;
using Fleet.Server.Audit;
using Fleet.Server.Storage;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Audit;

/// <summary>The trail as lines: what holds together and what is seen when it does not; what is said of a change.</summary>
public sealed class AuditChainTests
{
    [Fact]
    public void Lines_that_follow_from_each_other_hold_together()
        => Assert.Empty(ProblemsOf(Lines(5)));

    [Fact]
    public void Every_single_changed_byte_is_seen()
    {
        var lines = Lines(4);
        for (var at = 0; at < lines[1].Length; at++)
        {
            var changed = lines.Select(line => line.ToArray()).ToArray();
            changed[1][at] ^= 1;
            Assert.NotEmpty(ProblemsOf(changed));
        }
    }

    [Fact]
    public void Removed_line_is_named()
    {
        var lines = Lines(6);
        Assert.Equal(["Lines 3 to 4 are missing."], ProblemsOf([.. lines[..2], .. lines[4..]]));
    }

    [Fact]
    public void Line_that_was_put_in_is_seen()
    {
        var lines = Lines(3);
        var (forged, _) = AuditChain.LineOf(Entry("POST /forged") with { Number = 2 }, "");
        Assert.NotEmpty(ProblemsOf([lines[0], forged[..^1], lines[1], lines[2]]));
        Assert.NotEmpty(ProblemsOf([lines[0], "{\"what\":\"POST /forged\"}"u8.ToArray(), lines[1], lines[2]]));
    }

    [Fact]
    public void Lines_that_changed_places_are_seen()
    {
        var lines = Lines(4);
        Assert.NotEmpty(ProblemsOf([lines[0], lines[2], lines[1], lines[3]]));
    }

    [Fact]
    public void Lines_of_an_earlier_program_are_read_and_sealed_by_the_first_that_has_a_hash()
    {
        byte[][] old =
        [
            [.. """{"at":"2026-11-01T00:00:00+00:00","who":"operator","from":"::1","what":"POST /a","status":201}"""u8],
            [.. """{"at":"2026-11-02T00:00:00+00:00","who":"operator","from":"::1","what":"POST /b","status":null}"""u8],
        ];
        using var before = Verified(old);
        Assert.Empty(before.Problems);
        var (next, _) = AuditChain.LineOf(Entry("POST /c") with { Number = 3 }, before.Seal);

        Assert.Empty(ProblemsOf([.. old, next[..^1]]));
        Assert.NotEmpty(ProblemsOf([old[1], next[..^1]]));
        Assert.NotEmpty(ProblemsOf([old[1], old[0], next[..^1]]));
    }

    [Fact]
    public void Change_says_what_differs_without_secrets_and_at_a_length_that_people_read()
    {
        var change = AuditChanges.Of(new CommittedChange(
            "token/7f", """{"uses":3,"used":0,"secretHash":"ab","labels":{"site":"berlin"},"nested":[{"csrfToken":"x"}],"same":1}""",
            $$"""{"uses":3,"used":1,"secretHash":"cd","labels":{"site":"{{new string('x', 2000)}}"},"nested":[{"csrfToken":"y"}]"""
                + $$""","same":1}"""));
        Assert.Equal("""{"used":0,"secretHash":"…","labels":{"site":"berlin"},"nested":[{"csrfToken":"…"}]}""", Plain(change.Before));
        Assert.Equal("""{"used":1,"secretHash":"…","labels":"… 2011 characters","nested":[{"csrfToken":"…"}]}""", Plain(change.After));
    }

    [Fact]
    public void Attempts_beyond_the_quota_are_counted_and_forgotten_after_their_window()
    {
        var clock = new FakeTimeProvider();
        var quota = new AuditQuota(clock);
        for (var n = 0; n < AuditQuota.Lines; n++) Assert.True(quota.Takes("nobody at ::1"));
        Assert.False(quota.Takes("nobody at ::1"));
        Assert.False(quota.Takes("nobody at ::1"));
        Assert.True(quota.Takes("nobody at ::2"));
        Assert.Empty(quota.End(all: false));

        clock.Advance(AuditQuota.Window);
        Assert.Equal([("nobody at ::1", 2)], quota.End(all: false));
        Assert.True(quota.Takes("nobody at ::1"));
    }

    [Fact]
    public void Callers_without_end_share_the_lines_of_one()
    {
        var quota = new AuditQuota(new FakeTimeProvider());
        Assert.InRange(Enumerable.Range(0, 11_000).Count(n => quota.Takes($"caller {n}")), 10_000, 10_000 + AuditQuota.Lines);
    }

    private static string Plain(JsonElement? element)
        => System.Text.RegularExpressions.Regex.Unescape(element!.Value.GetRawText());

    private static AuditEntry Entry(string what) => new(DateTimeOffset.UnixEpoch, "anna", "::1", what, 200);

    private static byte[][] Lines(int count)
    {
        var previous = "";
        return [.. Enumerable.Range(1, count).Select(number =>
        {
            (var line, previous) = AuditChain.LineOf(Entry($"POST /{number}") with { Number = number }, previous);
            return line[..^1];
        })];
    }

    private static IReadOnlyList<string> ProblemsOf(byte[][] lines)
    {
        using var verifier = Verified(lines);
        return [.. verifier.Problems];
    }

    private static AuditVerifier Verified(byte[][] lines)
    {
        var verifier = new AuditVerifier();
        foreach (var line in lines) verifier.Add(line);
        return verifier;
    }
}
