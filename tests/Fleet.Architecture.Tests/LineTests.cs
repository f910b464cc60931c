namespace Fleet.Architecture.Tests;

/// <summary>A line can be read without turning the head: it ends by column 140.</summary>
public sealed class LineTests
{
    private const int Columns = 140;

    private static readonly string[] Everything = ["shared", "agent", "server", "tests"];

    private static readonly string[] Kinds = ["*.cs", "*.razor"];

    /// <summary>Projects whose lines are not wrapped yet. Who wraps one removes it; nothing is added.</summary>
    private static readonly string[] Unwrapped =
    [
        "server/Fleet.Cli/Commands", "server/Fleet.Cli/Display", "server/Fleet.Modeling", "server/Fleet.Quantization",
        "server/Fleet.Server/Storage",
        "shared/Fleet.Contracts",
        "tests/Fleet.TestKit",
        "tests/Fleet.Benchmarks", "tests/Fleet.Cli.Tests",
        "tests/Fleet.Contracts.Tests", "tests/Fleet.EndToEnd.Tests",
        "tests/Fleet.Modeling.Tests", "tests/Fleet.Quantization.Tests", "tests/Fleet.Server.CrashWriter", "tests/Fleet.Server.Tests",
    ];

    [Fact]
    public void Line_ends_by_column_140()
    {
        Assert.Equal(["x.cs:2 (141)"], TooLong("x.cs", $"short\n{new string('x', Columns + 1)}\n{new string('x', Columns)}\n"));
        var found =
            from folder in Everything
            from kind in Kinds
            from file in Source.FilesIn(folder, kind)
            where !Unwrapped.Any(project => file.Path.StartsWith(project + "/", StringComparison.Ordinal))
            from line in TooLong(file.Path, file.Text)
            select line;
        Assert.True(!found.Any(),
            $"Lines past column {Columns}; break them where the sentence or the expression has a joint:\n{string.Join('\n', found)}");
    }

    private static IEnumerable<string> TooLong(string path, string text)
        => text.Split('\n').Index().Where(line => line.Item.Length > Columns)
            .Select(line => $"{path}:{line.Index + 1} ({line.Item.Length})");
}
