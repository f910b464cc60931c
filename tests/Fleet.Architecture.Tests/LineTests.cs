namespace Fleet.Architecture.Tests;

/// <summary>A line can be read without turning the head: it ends by column 140.</summary>
public sealed class LineTests
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

    private static IEnumerable<string> TooLong(string path, string text)
        => text.Split('\n').Index().Where(line => line.Item.Length > Columns)
            .Select(line => $"{path}:{line.Index + 1} ({line.Item.Length})");
}
