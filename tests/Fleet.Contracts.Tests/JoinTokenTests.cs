using Fleet.Contracts.Enrollment;

namespace Fleet.Contracts.Tests;

public sealed class JoinTokenTests
{
    private static readonly string Fingerprint = new('f', 64);

    [Fact]
    public void Token_reads_back_with_the_white_space_of_a_pasted_line()
    {
        var token = JoinToken.Create(Fingerprint);
        Assert.True(JoinToken.TryParse($"  {token.Reveal()}\n", out var read));
        Assert.Equal(token, read);
        Assert.Equal(Fingerprint, read.AuthorityFingerprint);
    }

    [Fact]
    public void Token_names_the_root_and_one_from_before_there_were_roots_is_still_read()
    {
        var token = JoinToken.Create(Fingerprint, new string('a', 64));
        Assert.Equal(5, token.Reveal().Split('.').Length);
        Assert.True(JoinToken.TryParse(token.Reveal(), out var read));
        Assert.Equal(token, read);
        Assert.True(JoinToken.TryParse(token.Reveal()[..^65], out var before));
        Assert.Equal(token with { Root = null }, before);
        Assert.False(JoinToken.TryParse(token.Reveal()[..^1], out _));
    }

    [Fact]
    public void Two_tokens_share_nothing_but_the_authority()
    {
        var (a, b) = (JoinToken.Create(Fingerprint), JoinToken.Create(Fingerprint));
        Assert.NotEqual(a.Id, b.Id);
        Assert.NotEqual(a.Secret, b.Secret);
    }

    [Fact]
    public void Token_that_is_printed_by_accident_does_not_give_its_secret_away()
    {
        var token = JoinToken.Create(Fingerprint);
        Assert.DoesNotContain(token.Secret, $"{token}", StringComparison.Ordinal);
        Assert.NotEqual(token.Secret, JoinToken.HashOf(token.Secret));
        Assert.Equal(64, JoinToken.HashOf(token.Secret).Length);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("fleet1")]
    [InlineData("fleet1...")]
    [InlineData("fleet2.ID.SECRET.PRINT")]
    [InlineData("fleet1.ID.SECRET")]
    [InlineData("fleet1.ID.SECRET.PRINT.more")]
    [InlineData("fleet1.IDx.SECRET.PRINT")]
    [InlineData("fleet1.ID.SECRET.PRINTx")]
    public void Text_that_is_not_a_token_is_refused(string? shape)
    {
        var token = JoinToken.Create(Fingerprint);
        var text = shape?.Replace("ID", token.Id, StringComparison.Ordinal).Replace("SECRET", token.Secret, StringComparison.Ordinal)
            .Replace("PRINT", Fingerprint, StringComparison.Ordinal);
        Assert.False(JoinToken.TryParse(text, out _));
    }

    [Fact]
    public void Digits_that_are_not_lower_case_hexadecimal_are_refused()
    {
        var text = JoinToken.Create(Fingerprint).Reveal();
        Assert.False(JoinToken.TryParse(text[..^1] + "F", out _));
        Assert.False(JoinToken.TryParse(text[..^1] + "g", out _));
        Assert.False(JoinToken.TryParse(text[..^1] + "é", out _));
    }
}
