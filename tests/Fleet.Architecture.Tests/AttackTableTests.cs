using System.Text.RegularExpressions;
using Fleet.TestKit;

namespace Fleet.Architecture.Tests;

/// <summary>Tables of what is tried against the product name tests that exist, and every attack that is tried has its row.</summary>
public sealed partial class AttackTableTests
{
    public static readonly TheoryData<string> Tables = ["tests/ATTACKS.md", "tests/FAULTS.md"];

    private static readonly Lazy<IReadOnlyList<string>> Tests = new(
        () => [.. Source.FilesIn("tests").Select(file => Source.CodeOf(file.Text))]);

    [Theory]
    [MemberData(nameof(Tables))]
    public void Every_row_says_what_happens_and_names_a_test_that_exists(string table)
    {
        var rows = RowsOf(File.ReadAllText(Repository.PathOf(table)));
        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            Assert.Equal(3, row.Length);
            Assert.All(row, Assert.NotEmpty);
            Assert.Matches(TestName(), row[2]);
        });
        var missing = rows.Select(row => row[2].Trim('`')).Where(test => !Exists(test, Tests.Value)).ToList();
        Assert.True(missing.Count == 0, $"{table} names tests that are not there:\n{string.Join('\n', missing)}");
    }

    [Fact]
    public void Every_attack_has_its_row()
    {
        var named = RowsOf(File.ReadAllText(Repository.PathOf("tests/ATTACKS.md"))).Select(row => row[2].Trim('`')).ToHashSet();
        var missing = Tests.Value.SelectMany(AttacksIn).Where(test => !named.Contains(test)).ToList();
        Assert.True(missing.Count == 0, $"tests/ATTACKS.md has no row for\n{string.Join('\n', missing)}");
    }

    [Fact]
    public void Reading_sees_rows_and_attacks()
    {
        const string Table = "| Tried | What happens | Test |\n|---|---|---|\n| a | b | `XTests.C` |\n\ntext | text\n";
        Assert.Equal(["a", "b", "`XTests.C`"], Assert.Single(RowsOf(Table)));
        const string Code = """
            public sealed partial class ForgedAttackTests : IDisposable
            {
                [Fact]
                public async Task One_way() { }

                [Theory, InlineData(1)]
                [InlineData(2)]
                public void Other_way(int a) { }

                public void Dispose() { }
            }
            """;
        Assert.Equal(["ForgedAttackTests.One_way", "ForgedAttackTests.Other_way"], AttacksIn(Code));
        Assert.True(Exists("ForgedAttackTests.One_way", [Code]));
        Assert.False(Exists("ForgedAttackTests.Dispose", [Code]));
        Assert.False(Exists("ForgedAttackTests.One", [Code]));
        Assert.False(Exists("AttackTests.One_way", [Code]));
    }

    // Rows below the head of each table, cell by cell.
    private static List<string[]> RowsOf(string text)
        => [.. TableRow().Matches(text).Select(row => row.Groups[1].Value.Split('|', StringSplitOptions.TrimEntries))
            .Where(row => row[0] != "Tried" && !row[0].StartsWith("---", StringComparison.Ordinal))];

    private static bool Exists(string test, IReadOnlyList<string> sources)
        => test.Split('.') is [var name, var method]
            && sources.Any(code => Declares(code, name) && TestsIn(code).Contains(method));

    private static IEnumerable<string> AttacksIn(string code)
        => AttackClass().Match(code) is { Success: true } found
            ? TestsIn(code).Select(method => $"{found.Groups[1].Value}.{method}") : [];

    private static bool Declares(string code, string name) => Regex.IsMatch(code, $@"\bclass {Regex.Escape(name)}\b");

    private static IEnumerable<string> TestsIn(string code) => Test().Matches(code).Select(test => test.Groups[1].Value);

    [GeneratedRegex(@"^\|(.+)\|[ ]*$", RegexOptions.Multiline)]
    private static partial Regex TableRow();

    [GeneratedRegex(@"^`\w+\.\w+`$")]
    private static partial Regex TestName();

    [GeneratedRegex(@"\bclass (\w*AttackTests)\b")]
    private static partial Regex AttackClass();

    // The attribute, others that may follow it, then the method.
    [GeneratedRegex(@"\[(?:Fact|Theory)\b[^;]*?public (?:async )?(?:Task|void|ValueTask) (\w+)\(")]
    private static partial Regex Test();
}
