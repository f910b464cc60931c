using Fleet.Contracts.Enrollment;
using Fleet.Server.Enrollment;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>Whom a stored token enrolls, and why not.</summary>
public sealed class StoredTokenTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly StoredToken Token = new()
    {
        SecretHash = JoinToken.HashOf("secret"),
        Uses = 2,
        CreatedAt = Now.AddHours(-1),
        ExpiresAt = Now.AddHours(1),
    };

    [Fact]
    public void Token_enrolls_until_the_moment_it_expires()
    {
        Assert.Null(Token.WhyNot("t", Now.AddHours(1).AddTicks(-1)));
        Assert.Equal("Join token t expired at 2026-11-27 13:00:00Z.", Token.WhyNot("t", Now.AddHours(1)));
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, null)]
    [InlineData(2, "Join token t is used up: it enrolled 2 of 2 devices.")]
    public void Token_enrolls_as_many_as_it_was_made_for(int used, string? why)
        => Assert.Equal(why, (Token with { Used = used }).WhyNot("t", Now));

    [Fact]
    public void Withdrawn_stands_above_expired_and_expired_above_used_up()
    {
        var spent = Token with { Used = 2, ExpiresAt = Now };
        Assert.StartsWith("Join token t expired", spent.WhyNot("t", Now), StringComparison.Ordinal);
        Assert.Equal("Join token t was withdrawn.", (spent with { RevokedAt = Now }).WhyNot("t", Now));
    }

    [Fact]
    public void Secret_is_proved_and_not_kept()
    {
        Assert.True(Token.IsProvedBy("secret"));
        Assert.False(Token.IsProvedBy("Secret"));
        Assert.False(Token.IsProvedBy(""));
        Assert.DoesNotContain("secret ", Token.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Operators_see_what_became_of_it()
    {
        var view = (Token with { Used = 1, RevokedAt = Now, Labels = new Dictionary<string, string> { ["site"] = "berlin" } }).ToView("t");
        Assert.Equal(("t", 2, 1, true, "berlin"), (view.Id, view.Uses, view.Used, view.Revoked, view.Labels!["site"]));
    }
}
