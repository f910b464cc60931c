using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests.Inputs;

public sealed class InputFormTests
{
    private static readonly InputForm Form = new()
    {
        Table = new TablePlan([
            new TableColumn { Name = "age", Kind = TableColumnKind.Number, Mean = 38.5, TellsMissing = true },
            new TableColumn { Name = "work", Kind = TableColumnKind.Category, Words = ["private", "state"] },
            new TableColumn { Name = "seen", Kind = TableColumnKind.Date, Format = "yyyy-MM-dd HH:mm", Mean = 3, TellsMissing = true },
            new TableColumn { Name = "price", Kind = TableColumnKind.Number, HasDecimalCommas = true },
        ]),
    };

    /// <summary>What stands in files that devices already have: another reading of it would be another model.</summary>
    [Fact]
    public void Form_in_files_is_read_as_it_was_written_and_makes_the_same_values()
    {
        var file = File.ReadAllText(Repository.PathOf("tests", "Fleet.Contracts.Tests", "golden", "input-form.json"));
        Assert.Equal(InputForm.Read(file).Write(), Form.Write());
        var reader = Assert.IsType<RowReader>(InputForm.Read(file).Reader());
        Assert.Equal(13, reader.Width);
        using var row = JsonDocument.Parse("""{"age": 39, "work": " state", "seen": "2000-01-08 12:00", "price": "1,5"}""");
        var values = new float[13];
        Assert.Empty(reader.Read(row.RootElement, values));
        float Sin(double days) => (float)Math.Sin(7.5 * Math.Tau / days);
        float Cos(double days) => (float)Math.Cos(7.5 * Math.Tau / days);
        Assert.Equal([39, 0, 0, 1, 7.5f, Sin(7), Cos(7), Sin(365.2425), Cos(365.2425), Sin(1), Cos(1), 0, 1.5f], values);

        using var gaps = JsonDocument.Parse("""{"age": null, "work": "", "seen": "NA", "price": 1.5}""");
        values = new float[13];
        Assert.Empty(reader.Read(gaps.RootElement, values));
        Assert.Equal([38.5f, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 1, 1.5f], values);
    }

    [Fact]
    public void Date_that_is_written_otherwise_is_refused_with_how_it_should_be()
    {
        using var row = JsonDocument.Parse("""{"age": 39, "work": "state", "seen": "8.1.2000", "price": 1}""");
        var problem = Assert.Throws<FormatException>(() => new RowReader(Form.Table!).Read(row.RootElement, new float[13]));
        Assert.Equal("column 'seen' holds '8.1.2000', which is not a date written as yyyy-MM-dd HH:mm", problem.Message);
    }

    public static TheoryData<string, TablePlan?> Limited() => new()
    {
        { "A table has 1 to 4096 columns, not 4097.", Numbers(Limits.TableColumns + 1) },
        { "A table has 1 to 4096 columns, not 0.", Numbers(0) },
        { "", Numbers(Limits.TableColumns) },
        { "Column 'c' has 1025 words; at most 1024 are allowed.", Words(Limits.TableWords + 1, 4) },
        { "Column 'c' holds a word of 257 characters; at most 256 are allowed.", Words(1, Limits.TableWordLength + 1) },
        { "", Words(Limits.TableWords, Limits.TableWordLength) },
        { "A column has a name of 257 characters", new([new() { Name = new string('n', 257), Kind = TableColumnKind.Number }]) },
        { "", new([new() { Name = new string('n', 256), Kind = TableColumnKind.Number }]) },
        { "Two columns have the name 'c'.", new([.. Words(1, 4).Columns, .. Words(1, 4).Columns]) },
        { "Column 'c' has a word twice.", new([new() { Name = "c", Kind = TableColumnKind.Category, Words = ["a", "a"] }]) },
        { "Column 'c' holds dates, and how they are written is not said.", new([new() { Name = "c", Kind = TableColumnKind.Date }]) },
    };

    [Theory]
    [MemberData(nameof(Limited), DisableDiscoveryEnumeration = true)]
    public void Form_has_a_maximum_of_everything(string problem, TablePlan? plan)
    {
        var text = new InputForm { Table = plan }.Write();
        if (problem.Length == 0) Assert.Equal(plan!.Columns.Count, InputForm.Read(text).Table!.Columns.Count);
        else Assert.Contains(problem, Assert.Throws<FormatException>(() => InputForm.Read(text)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null", "fleet.input is empty.")]
    [InlineData("""{"table":{}}""", "fleet.input is not an input form")]
    [InlineData("""{"table":{"columns":[null]}}""", "fleet.input is not an input form")]
    [InlineData("""{"table":{"columns":[{"name":"a","kind":"colour"}]}}""", "fleet.input is not an input form")]
    public void Text_that_is_no_form_is_refused(string text, string problem)
        => Assert.Contains(problem, Assert.Throws<FormatException>(() => InputForm.Read(text)).Message, StringComparison.Ordinal);

    /// <summary>A host serves tensors of such a model, which it could not where the file were refused.</summary>
    [Theory]
    [InlineData("""{"table":{"columns":[{"name":"a","kind":"colour"}]},"version":3}""")]
    [InlineData("""{"version":3,"table":[],"windows":{"length":"1 s","padding":"mirror"},"smell":{}}""")]
    public void Form_of_a_later_version_is_not_known_whatever_its_keys_hold(string text)
    {
        var form = InputForm.Read(text);
        Assert.Equal((3, false, (TablePlan?)null), (form.Version, form.IsKnown, form.Table));
    }

    [Fact]
    public void Text_that_is_too_long_is_not_parsed()
        => Assert.Contains("at most 4194304 are read", Assert.Throws<FormatException>(
            () => InputForm.Read(new string(' ', Limits.InputFormLength + 1))).Message, StringComparison.Ordinal);

    private static TablePlan Numbers(int count) => new(
        [.. Enumerable.Range(0, count).Select(number => new TableColumn { Name = $"n{number}", Kind = TableColumnKind.Number })]);

    private static TablePlan Words(int count, int length) => new([
        new()
        {
            Name = "c",
            Kind = TableColumnKind.Category,
            Words = [.. Enumerable.Range(0, count).Select(number => $"{number}".PadLeft(length))],
        },
    ]);
}
