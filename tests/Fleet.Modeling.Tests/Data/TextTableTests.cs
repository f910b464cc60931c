using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

/// <summary>Texts in the columns of a table: found out, and read from every form that a table has.</summary>
public sealed class TextTableTests : IDisposable
{
    private static readonly string[] Things = ["card", "bill", "rent", "loan", "fee"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string name, string text)
    {
        File.WriteAllText(_folder[name], text);
        return _folder[name];
    }

    private static string Said(int row) => $"please {(row % 2 == 0 ? "pay" : "stop")} my {Things[row % 5]}, number {row}";

    private static string Meant(int row) => row % 2 == 0 ? "pay" : "stop";

    private static string Rows(Func<int, string> line, int count = 40) => string.Concat(Enumerable.Range(0, count).Select(row => line(row)
        + "\n"));

    private static string WordsOf(DataSet data, int sample) => string.Join(' ', data.Training.Sample(sample).ToArray()
        .Where(number => number != Vocabulary.Padding).Select(number => data.Training.Vocabulary!.Pieces[(int)number]));

    [Theory]
    [InlineData("t.csv", "text,category\n", "\"{0}\",{1}")]
    [InlineData("t.tsv", "text\tcategory\n", "{0}\t{1}")]
    [InlineData("t.txt", "category;said\n", "{1};\"{0}\"")]
    [InlineData("t.csv", "id,said,category\n", "{2},\"{0}\",{1}")]
    [InlineData("t.jsonl", "", """{{"text": "{0}", "category": "{1}"}}""")]
    [InlineData("t.json", "\ufeff", """{{"category": "{1}", "utterance": "{0}"}}""")]
    public void Table_of_texts_is_told_by_what_its_columns_hold(string name, string header, string form)
    {
        var path = Write(name, header + Rows(row => string.Format(null, form, Said(row), Meant(row), row)));
        var spec = DataKind.Resolve(new DataSpec { Train = path, LabelColumn = "category" });
        Assert.Equal("text", spec.Kind);
        Assert.Matches("^(text|said|utterance)$", spec.Text!.Column);
        var data = DataSets.Load(spec, 1, 1);
        Assert.Equal(["pay", "stop"], data.Classes);
        Assert.Equal(40, data.Training.Count + data.Validation.Count + data.Test.Count);
        Assert.StartsWith("please ", WordsOf(data, 0), StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_beside_texts_that_are_not_read_are_told()
    {
        var path = Write("t.csv", "key,said,item_id,category\n" + Rows(row => $"{row},\"{Said(row)}\",{7_001 * row},{Meant(row)}"));
        var spec = DataKind.Resolve(new DataSpec { Train = path, LabelColumn = "category" });
        Assert.Equal("text", spec.Kind);
        Assert.Contains("Texts are read from column 'said'; 'key', 'item_id' beside it are left out. data.kind 'csv' (--kind csv) reads "
            + "them as a table, in place of the texts.", DataSets.Load(spec, 1, 1).Notes);
    }

    [Fact]
    public void Quotes_between_tabs_that_happen_to_pair_merge_no_rows()
    {
        var path = Write("t.tsv", "text\tcategory\n" + Rows(row => (row % 4) switch
        {
            0 => $"\"{Said(row)}\tpay",
            1 => $"{Said(row)}\tstop",
            2 => $"{Said(row)}\tpay\"",
            _ => $"{Said(row)}\tstop",
        }));
        Assert.Equal(40, TableFile.Read(path, null).Rows.Count);
        // Where a field holds a line break, lines have other numbers of fields, and quotes are quotes.
        path = Write("q.tsv", "text\tcategory\n" + Rows(row => $"\"please\n{Said(row)}\"\t{Meant(row)}"));
        Assert.Equal(40, TableFile.Read(path, null).Rows.Count);
    }

    [Fact]
    public void Label_need_not_be_named_where_it_is_the_only_other_column()
    {
        var path = Write("t.csv", "intent,said\n" + Rows(row => $"{Meant(row)},\"{Said(row)}\""));
        Assert.Equal("intent", DataKind.Resolve(new DataSpec { Train = path }).LabelColumn);
        path = Write("t.csv", "intent,said,source\n" + Rows(row => $"{Meant(row)},\"{Said(row)}\",web"));
        Assert.Contains("has the columns intent, said, source; name the one that is to be predicted in data.labelColumn",
            Assert.Throws<BuildException>(() => DataKind.Resolve(new DataSpec { Train = path })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name,age,y\n", "\"Braund, Mr. Owen {0}\",{1},{2}")]
    [InlineData("name,pay,y\n", "\"Braund, Mr. Owen {0}\",{4},{2}")]
    [InlineData("name,work,y\n", "\"Braund, Mr. Owen {0}\",w{3},{2}")]
    [InlineData("a,y\n", "{1},{2}")]
    [InlineData("when,y\n", "2024-05-01 10:{3}0:{1},{2}")]
    [InlineData("city,y\n", "w{3},{2}")]
    public void Table_that_says_something_beside_its_words_stays_a_table(string header, string form)
    {
        var path = Write("t.csv", header + Rows(
            row => string.Format(null, form, row, row % 7 + 20, row % 2, row % 3, 20_000 + 1_371 * row), 120));
        var spec = DataKind.Resolve(new DataSpec { Train = path, LabelColumn = "y" });
        Assert.Equal("csv", spec.Kind);
        if (!header.StartsWith("name", StringComparison.Ordinal)) return;
        Assert.Contains(DataSets.Load(spec, null, 1).Notes,
            note => note.Contains("reads it in place of the other columns where data.text.column is 'name'", StringComparison.Ordinal));
        Assert.Equal("text", DataKind.Resolve(new DataSpec
        {
            Train = path,
            LabelColumn = "y",
            Text = new TextSpec { Column = "name" },
        }).Kind);
    }

    [Fact]
    public void Line_breaks_and_quotes_are_of_the_text_and_between_tabs_quotes_are_as_they_are()
    {
        var quoted = Write("t.csv", "text,y\r\n" + Rows(row => $"\"say \"\"{Meant(row)}\"\"\nnow {row}\",{Meant(row)}\r"));
        var data = DataSets.Load(new DataSpec { Train = quoted }, 1, 1);
        Assert.Equal(40, data.Training.Count + data.Validation.Count + data.Test.Count);
        Assert.Matches("^say \" (pay|stop) \" now ", WordsOf(data, 0));
        var raw = Write("t.tsv", "text\ty\n" + Rows(row => $"\"{Meant(row)}\" he said {row}\t{Meant(row)}"));
        Assert.Matches("^\" (pay|stop) \" he said ", WordsOf(DataSets.Load(new DataSpec { Train = raw }, 1, 1), 0));
    }

    [Fact]
    public void Files_together_are_one_set_of_texts_with_one_vocabulary_and_groups_stay_together()
    {
        Write("a1.csv", "text,who,y\n" + Rows(row => $"{Meant(row)} first thing {row},ann{row / 4},{Meant(row)}"));
        Write("a2.csv", "text,who,y\n" + Rows(row => $"{Meant(row)} second matter {row},bob{row / 4},{Meant(row)}"));
        var data = DataSets.Load(new DataSpec { Train = _folder["a?.csv"], LabelColumn = "y", GroupColumn = "who" }, 1, 1);
        Assert.Equal(80, data.Training.Count + data.Validation.Count + data.Test.Count);
        Assert.Contains("first", data.Training.Vocabulary!.Pieces);
        Assert.Contains("second", data.Training.Vocabulary.Pieces);
        Assert.Matches("^(pay|stop) (first thing|second matter) ", WordsOf(data, 0));
        Assert.Empty(data.Training.Origins!.Intersect(data.Test.Origins!));
    }

    [Fact]
    public void Texts_that_are_cut_are_told()
    {
        var path = Write("t.csv", "text,y\n" + Rows(row => $"{Said(row)} and so on,{Meant(row)}".Replace(", n", " n",
            StringComparison.Ordinal)));
        var spec = new DataSpec { Train = path, Text = new TextSpec { MaximumLength = 4 } };
        Assert.Contains(DataSets.Load(spec, 1, 1).Notes,
            note => note.StartsWith("40 of 40 texts are longer than 4 pieces", StringComparison.Ordinal));
        Assert.Empty(DataSets.Load(spec with { Text = null }, 1, 1).Notes);
    }

    [Fact]
    public void Header_alone_is_told_as_what_it_is()
        => Assert.Contains("it holds no samples: there is no line behind its header", Assert.Throws<BuildException>(() => DataSets.Load(
            DataKind.Resolve(new DataSpec { Train = Write("t.csv", "text,y\n"), LabelColumn = "y" }), 1, 1)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("t.csv", "text,y\nsay it,a\n,b\n", "t.csv: line 3 has no text in column 'text'")]
    [InlineData("t.csv", "text,y\n\"say\nit\",a\nso be it,\n", "t.csv: line 4 has no label in column 'y'")]
    [InlineData("t.jsonl", "{\"text\": \"say it\", \"y\": \"a\"}\n{\"text\": \"\", \"y\": \"a\"}\n", "t.jsonl: line 2 has no text")]
    [InlineData("t.jsonl", "{\"text\": \"say it\", \"y\": \"a\"}\n{\"text\": \"so\n", "t.jsonl: line 2 is not an object of JSON")]
    [InlineData("t.json", """[["say it", "a"], [" ", "b"]]""", "t.json: sample 1 (counted from 0) has an empty text")]
    public void What_is_missing_is_named_with_file_and_row(string name, string content, string message)
    {
        var spec = new DataSpec { Kind = "text", Train = Write(name, content), LabelColumn = "y", Text = new TextSpec { Column = "text" } };
        Assert.Contains(message, Assert.Throws<BuildException>(() => DataSets.Load(spec, 1, 1)).Message, StringComparison.Ordinal);
    }
}
