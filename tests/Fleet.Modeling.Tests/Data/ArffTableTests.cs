using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class ArffTableTests : IDisposable
{
    private const string Head = "@relation x\n@attribute size numeric\n@attribute 'the colour' {red, 'dark blue'}\n"
        + "@attribute grade {1,2}\n@attribute class {yes,no}\n@data\n";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Table_has_the_columns_and_words_that_its_attributes_say()
    {
        var data = Load(string.Concat(Enumerable.Repeat("% why\n", 2000)) + Head
            + string.Concat(Enumerable.Repeat("1.5,red,1,yes\n 2.5, 'dark blue' ,2,no\n?,red,?,yes\n", 10)));
        Assert.Equal(["no", "yes"], data.Classes);
        var columns = data.Table!.Columns;
        Assert.Equal(["size", "the colour", "grade"], columns.Select(column => column.Name));
        Assert.Equal([TableColumnKind.Number, TableColumnKind.Category, TableColumnKind.Category], columns.Select(column => column.Kind));
        Assert.Equal(["dark blue", "red"], columns[1].Words);
        Assert.Equal(["1", "2"], columns[2].Words);
    }

    [Fact]
    public void What_a_sparse_row_leaves_out_is_zero_or_the_first_word()
    {
        var table = Table(Head + "{0 4, 3 no}\n{1 'dark blue',2 ?}\n{ }\n");
        Assert.Equal(["4", "red", "1", "no"], table.Rows[0]);
        Assert.Equal(["0", "dark blue", "", "yes"], table.Rows[1]);
        Assert.Equal(["0", "red", "1", "yes"], table.Rows[2]);
    }

    [Fact]
    public void Quoted_texts_hold_quotes_commas_and_line_breaks()
    {
        var table = Table("@RELATION 'a b'\n@ATTRIBUTE text string\n@ATTRIBUTE class {0,1}\n@DATA\n"
            + "'it\\'s, so\\nit is',1\n\"50\\% of 'it'\",0\n");
        Assert.Equal("it's, so\nit is", table.Rows[0][0]);
        Assert.Equal("50% of 'it'", table.Rows[1][0]);
        Assert.Equal([5, 6], table.Lines);
    }

    [Fact]
    public void Numbered_attributes_are_a_series_and_others_a_table()
    {
        var rows = "@attribute class {1,2}\n@data\n" + string.Concat(Enumerable.Repeat("1,2,3,1\n4,5,6,2\n", 10));
        string Attributes(params string[] names) => "@relation x\n" + string.Concat(names.Select(name => $"@attribute {name} numeric\n"));
        Assert.Equal("arff", KindOf(Attributes("att9", "att10", "att11") + rows));
        Assert.Equal("csv", KindOf(Attributes("width", "height", "depth") + rows));
        Assert.Equal("csv", KindOf(Attributes("a1", "a3", "a5") + rows));
    }

    [Theory]
    [InlineData("1,red,1\n", "line 7 has 3 fields where there are 4 attributes")]
    [InlineData("1,green,1,yes\n", "line 7 has 'green' at attribute 'the colour', which is one of red, dark blue")]
    [InlineData("1,'red,1,yes\n", "the quote opened in line 7 is never closed")]
    [InlineData("1,'red' x,1,yes\n", "line 7 has text behind a closed quote")]
    [InlineData("{9 1}\n", "line 7 has '9' where the number of an attribute is, 0 to 3")]
    [InlineData("{0 1\n", "line 7 has no '}' at its end")]
    public void Lines_that_are_not_of_the_form_are_named(string row, string problem)
        => Assert.Contains(problem, Assert.Throws<BuildException>(() => Load(Head + row)).Message, StringComparison.Ordinal);

    private DataSet Load(string text) => DataSets.Load(new DataSpec { Train = Saved(text), LabelColumn = "class" }, 2, 1);

    private TableFile Table(string text) => TableFile.Read(Saved(text), null);

    private string KindOf(string text) => DataKind.Of(Saved(text))!;

    private string Saved(string text)
    {
        File.WriteAllText(_folder["x.arff"], text);
        return _folder["x.arff"];
    }
}
