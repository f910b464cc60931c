using System.Text.RegularExpressions;

namespace Fleet.Architecture.Tests;

/// <summary>A line can be read without turning the head: it ends by column 140, and it holds one statement.</summary>
public sealed partial class LineTests
{
    private const int Columns = 140;

    private static readonly string[] Everything = ["shared", "agent", "server", "tests"];

    private static readonly string[] Kinds = ["*.cs", "*.razor"];

    [Fact]
    public void Line_ends_by_column_140()
    {
        Assert.Equal(["x.cs:2 (141)"], TooLong("x.cs", $"short\n{new string('x', Columns + 1)}\n{new string('x', Columns)}\n"));
        var found =
            from folder in Everything
            from kind in Kinds
            from file in Source.FilesIn(folder, kind)
            from line in TooLong(file.Path, file.Text)
            select line;
        Assert.True(!found.Any(),
            $"Lines past column {Columns}; break them where the sentence or the expression has a joint:\n{string.Join('\n', found)}");
    }

    [Theory]
    [InlineData("a(); b();", true)]
    [InlineData("case 1: a(); break;", true)]
    [InlineData("x => { a(); return b; }", true)]
    [InlineData("if (a) return b;", false)]
    [InlineData("x => { a(); }, c);", false)]
    [InlineData("for (var i = 0; i < n; i++) a();", false)]
    [InlineData("public int A { get; private set; } = 1;", false)]
    [InlineData("var text = \"a; b\"; // and; then", false)]
    [InlineData("a(); // why; and how", false)]
    public void Statements_of_a_line_are_counted(string line, bool several) => Assert.Equal(several, Crowded("x.cs", line).Any());

    [Fact]
    public void Line_holds_one_statement()
    {
        var found =
            from folder in Everything
            from file in Source.FilesIn(folder)
            from line in Crowded(file.Path, file.Text)
            select line;
        Assert.True(!found.Any(), $"Several statements on a line; give each its own:\n{string.Join('\n', found)}");
    }

    private static IEnumerable<string> Crowded(string path, string text)
        => Header().Replace(Source.CodeOf(text), Blank).Split('\n').Index().Where(line => NextStatement().IsMatch(line.Item))
            .Select(line => $"{path}:{line.Index + 1}");

    private static string Blank(Match part) => new([.. part.Value.Select(c => c == '\n' ? '\n' : ' ')]);

    // What holds semicolons and is one thing: the header of a for loop, and the accessors of a property.
    [GeneratedRegex(@"\bfor \((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)|\{\s*(?:\w+\s+)?(?:get|set|init|add|remove)\b[^{}]*\}")]
    private static partial Regex Header();

    [GeneratedRegex(@";[ \t]+[A-Za-z_(]")]
    private static partial Regex NextStatement();

    private static IEnumerable<string> TooLong(string path, string text)
        => text.Split('\n').Index().Where(line => line.Item.Length > Columns)
            .Select(line => $"{path}:{line.Index + 1} ({line.Item.Length})");
}
