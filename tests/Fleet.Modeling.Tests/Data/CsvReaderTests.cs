using Fleet.Modeling.Data;

namespace Fleet.Modeling.Tests.Data;

/// <summary>Records of RFC 4180, with the line each begins at.</summary>
public sealed class CsvReaderTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("a,b", "1:a|b")]
    [InlineData("a,b\n", "1:a|b")]
    [InlineData("a,b\r\nc,d\r\n", "1:a|b 2:c|d")]
    [InlineData("a,b\n\n\nc,d", "1:a|b 4:c|d")]
    [InlineData("a,", "1:a|")]
    [InlineData(",", "1:|")]
    [InlineData(",\n", "1:|")]
    [InlineData("a,,c", "1:a||c")]
    [InlineData("\"a,b\",c", "1:a,b|c")]
    [InlineData("\"a\"\"b\",c", "1:a\"b|c")]
    [InlineData("\"\",x", "1:|x")]
    [InlineData("\"a\nb\",c\nd,e", "1:a\nb|c 3:d|e")]
    [InlineData("\"a\r\nb\",c\nd,e", "1:a\r\nb|c 3:d|e")]
    [InlineData(" a , b ", "1: a | b ")]
    [InlineData("a\rb,c", "1:a\rb|c")]
    public void Records_are_read_with_their_lines(string text, string records)
        => Assert.Equal(records, string.Join(' ', Read(text).Select(record => $"{record.Line}:{string.Join('|', record.Fields)}")));

    [Theory]
    [InlineData("\"a", "the quote opened in line 1 is never closed")]
    [InlineData("a,b\n\"c\n\nd", "the quote opened in line 2 is never closed")]
    [InlineData("a\"b", "line 1 has a quote inside a field that does not begin with one")]
    [InlineData("x\n\"a\"b,c", "line 2 has text behind a closed quote")]
    [InlineData("\"a\" ,b", "line 1 has text behind a closed quote")]
    public void Quote_in_the_wrong_place_is_refused_by_its_line(string text, string sentence)
        => Assert.Equal(sentence, Assert.Throws<FormatException>(() => Read(text)).Message);

    [Fact]
    public void Whatever_stands_in_a_field_comes_back_when_it_is_quoted()
    {
        var random = new Random(23);
        for (var attempt = 0; attempt < 1000; attempt++)
        {
            string[][] table = [
                .. Enumerable.Range(0, random.Next(1, 5)).Select(_ => Enumerable.Range(0, 3).Select(_ => Field(random)).ToArray()),
            ];
            var text = string.Concat(table.Select(row => string.Join(',', row.Select(Quoted)) + (random.Next(2) == 0 ? "\n" : "\r\n")));
            Assert.Equal(table, Read(text).Select(record => record.Fields));
        }
    }

    [Fact]
    public void Text_of_any_kind_is_read_or_refused()
    {
        var random = new Random(29);
        for (var attempt = 0; attempt < 5000; attempt++)
        {
            var text = Field(random) + Field(random) + Field(random);
            try { Read(text); }
            catch (FormatException e) { Assert.Contains("line ", e.Message, StringComparison.Ordinal); }
        }
    }

    private static List<(int Line, IReadOnlyList<string> Fields)> Read(string text)
    {
        using var reader = new StringReader(text);
        return [.. CsvReader.Read(reader)];
    }

    private static string Field(Random random)
        => new([.. Enumerable.Range(0, random.Next(8)).Select(_ => "ab,\"\n\r ü"[random.Next(8)])]);

    private static string Quoted(string field) => $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
