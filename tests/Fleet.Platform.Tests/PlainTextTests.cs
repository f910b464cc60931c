namespace Fleet.Platform.Tests;

public sealed class PlainTextTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("Gerät 7, 日本 – ok", "Gerät 7, 日本 – ok")]
    [InlineData("a\nERROR b", "a\\nERROR b")]
    [InlineData("a\r\nb", "a\\r\\nb")]
    [InlineData("a\tb", "a\\tb")]
    [InlineData("\u001b[2J\u001b]0;title\u0007", "\\u001b[2J\\u001b]0;title\\u0007")]
    [InlineData("\u009b31mred", "\\u009b31mred")]
    [InlineData("\0\u007f", "\\u0000\\u007f")]
    [InlineData("a\u2028b\u2029c\u0085d", "a\\u2028b\\u2029c\\u0085d")]
    [InlineData("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066")]
    public void Line_stays_one_line_that_steers_nothing(string text, string plain) => Assert.Equal(plain, PlainText.Line(text));

    [Fact]
    public void Lines_of_its_own_stay_and_nothing_else_does()
        => Assert.Equal("a\n\tb\\r\\u001b[0m", PlainText.Lines("a\n\tb\r\u001b[0m"));
}
