using System.Net;
using System.Text.Json;
using Fleet.Server.Access;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Access;

/// <summary>Keys as text and as what is stored of them, and how guessing is slowed down.</summary>
public sealed class ApiKeyTests
{
    private static readonly string Secret = new('a', 64);

    [Fact]
    public void New_key_reads_back_and_proves_itself_and_nobody_else()
    {
        Assert.True(ApiKey.TryParse(ApiKey.NewText("operator"), out var id, out var secret));
        var stored = new ApiKey(ApiKey.HashOf(secret), DateTimeOffset.UnixEpoch);
        Assert.Equal("operator", id);
        Assert.True(stored.IsProvedBy(secret));
        Assert.False(stored.IsProvedBy(secret[..^1] + (secret[^1] == '0' ? '1' : '0')));
        Assert.DoesNotContain(secret, stored.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Key_stored_before_there_were_roles_still_reads()
    {
        var stored = JsonSerializer.Deserialize(
            """{"role":"operator","hash":"ab","createdAt":"2026-11-27T00:00:00+00:00"}""", AccessJson.Default.ApiKey)!;
        Assert.Equal(("ab", "", ""), (stored.Hash, stored.Name, stored.Filter));
        Assert.Empty(stored.Roles);
    }

    [Fact]
    public void Key_is_accepted_until_it_expires_or_is_revoked()
    {
        var now = DateTimeOffset.UnixEpoch;
        var key = new ApiKey("ab", now) { Name = "anna", ExpiresAt = now.AddHours(1) };
        Assert.Null(key.WhyNot(now.AddHours(1).AddTicks(-1)));
        Assert.Contains("expired", key.WhyNot(now.AddHours(1)), StringComparison.Ordinal);
        Assert.Contains("revoked", (key with { RevokedAt = now }).WhyNot(now), StringComparison.Ordinal);
    }

    [Fact]
    public void No_two_new_keys_are_the_same()
        => Assert.Equal(1000, Enumerable.Range(0, 1000).Select(_ => ApiKey.NewText("operator")).Distinct().Count());

    [Fact]
    public void White_space_around_a_key_is_no_part_of_it()
    {
        Assert.True(ApiKey.TryParse($"  fleetkey.worker.{Secret}\n", out var id, out var secret));
        Assert.Equal(("worker", Secret), (id, secret));
    }

    [Theory]
    [InlineData(64, 64, true)]
    [InlineData(65, 64, false)]
    [InlineData(0, 64, false)]
    [InlineData(8, 63, false)]
    [InlineData(8, 65, false)]
    public void Id_and_secret_have_their_lengths(int id, int secret, bool read)
        => Assert.Equal(read, ApiKey.TryParse($"fleetkey.{new string('i', id)}.{new string('s', secret)}", out _, out _));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("fleetkey")]
    [InlineData("fleetkey.operator")]
    [InlineData("fleet1.operator.SECRET")]
    [InlineData("FLEETKEY.operator.SECRET")]
    [InlineData("fleetkey.operator.SECRET.more")]
    [InlineData("fleetkey..SECRET")]
    public void What_is_not_a_key_is_not_read(string? text)
    {
        Assert.False(ApiKey.TryParse(text?.Replace("SECRET", Secret, StringComparison.Ordinal), out var id, out var secret));
        Assert.Equal(("", ""), (id, secret));
    }

    [Fact]
    public void Address_that_is_wrong_too_often_is_told_to_wait_until_its_window_ends()
    {
        var clock = new FakeTimeProvider();
        var limit = new FailureLimit(clock);
        var (guesser, other) = (IPAddress.Parse("192.0.2.1"), IPAddress.Parse("192.0.2.2"));
        for (var failure = 1; failure <= FailureLimit.Failures; failure++) Assert.False(limit.IsTooMany(guesser));
        Assert.True(limit.IsTooMany(guesser));
        Assert.False(limit.IsTooMany(other));

        clock.Advance(FailureLimit.Window - TimeSpan.FromTicks(1));
        Assert.True(limit.IsTooMany(guesser));
        clock.Advance(TimeSpan.FromTicks(1));
        Assert.False(limit.IsTooMany(guesser));
    }

    [Fact]
    public void Failures_from_many_addresses_do_not_add_up()
    {
        var limit = new FailureLimit(new FakeTimeProvider());
        Assert.DoesNotContain(true, Enumerable.Range(0, 1000).Select(i => limit.IsTooMany(new IPAddress(i))));
    }
}
