using System.Globalization;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class TableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string name, string text)
    {
        File.WriteAllText(_folder[name], text);
        return _folder[name];
    }

    // Rows until there are enough of both classes, of a line that may depend on the row.
    private static string Rows(Func<int, string> row, int count = 40)
        => string.Concat(Enumerable.Range(0, count).Select(i => row(i) + "\n"));

    private DataSpec Table(string text, string? test = null) => new()
    {
        Train = Write("train.csv", text),
        Test = test is null ? null : Write("test.csv", test),
        LabelColumn = "y",
    };

    [Fact]
    public void Words_become_a_value_each_and_an_unknown_one_none()
    {
        var data = DataSets.Load(Table(
            "colour,y\n" + Rows(i => $"{(i % 2 == 0 ? "red" : "blue")},{i % 2}"), "colour,y\nred,0\nblue,1\ngreen,1\n,0\n"), null, 1);
        Assert.Equal(["colour=blue", "colour=red"], data.ChannelNames!);
        Assert.Equal([0, 1, 1, 0, 0, 0, 0, 0], data.Test.Inputs);
        Assert.Equal(["blue", "red"], data.Table!.Columns[0].Words);
    }

    [Fact]
    public void Missing_number_is_the_mean_of_the_training_samples_and_is_told()
    {
        var data = DataSets.Load(Table("a,b,y\n" + Rows(i => $"{(i == 3 ? "?" : "7")},1,{i % 2}"), "a,b,y\n,NA,0\n5,2,1\n") with
        {
            ValidationShare = 0,
        }, null, 1);
        Assert.Equal(["a", "a missing", "b"], data.ChannelNames!);
        Assert.Equal([7, 1, 1, 5, 0, 2], data.Test.Inputs);
    }

    [Fact]
    public void Nothing_of_the_plan_is_learned_from_samples_that_judge()
    {
        // One row alone has the word and the number that all others lack: where it judges, neither is known.
        string Text(int odd) => "a,c,y\n" + Rows(i => $"{(i == odd ? 1000 : 1)},{(i == odd ? "odd" : "even")},{i % 2}");
        var known = Enumerable.Range(0, 40).Select(odd => DataSets.Load(Table(Text(odd)), null, 1)).ToArray();
        foreach (var data in known)
        {
            var isLearned = data.Training.Inputs.Contains(1000);
            Assert.Equal(isLearned, data.Table!.Columns[1].Words.Contains("odd"));
            Assert.Equal(isLearned, data.Table.Columns[0].Mean > 1);
        }
        Assert.Contains(known, data => !data.Training.Inputs.Contains(1000));
    }

    [Theory]
    [InlineData(',')]
    [InlineData(';')]
    public void Row_on_a_device_becomes_the_values_that_training_had(char separator)
    {
        var random = new Random(3);
        string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture).Replace('.', separator == ';' ? ',' : '.');
        string[] Row(int i) => [
            i % 7 == 0 ? "" : Number(random.NextDouble() * 1e5), i % 5 == 0 ? "?" : i % 2 == 0 ? "a, \"b\"" : "ä", i % 3 == 0 ? "NULL"
                : new DateTime(2024, 1, 1).AddHours(7.3 * i).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture),
            $"{i % 4}", $"{i % 2}",
        ];
        string[] columns = ["size", "the word", "when", "code", "y"];
        string[][] rows = [.. Enumerable.Range(1, 60).Select(Row)];
        string Quoted(string field) => $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        string Csv(IEnumerable<string[]> some) => string.Concat(some.Prepend(columns)
            .Select(row => string.Join(separator, row.Select(field => row[2] == "when" ? field : Quoted(field))) + "\n"));
        var data = DataSets.Load(Table(Csv(rows.Take(40)), Csv(rows.Skip(40))) with
        {
            Table = new TableSpec { Categories = ["code"] },
            ValidationShare = 0,
        }, null, 1);

        var reader = (IInstanceReader)InputForm.Read(data.InputForm!.Write()).Reader();
        Assert.Equal(20, data.Test.Count);
        foreach (var (place, row) in rows.Skip(40).Index())
        {
            var values = new float[reader.Width];
            reader.Read(JsonSerializer.SerializeToElement(columns.Zip(row).ToDictionary()), values);
            Assert.Equal(data.Test.Sample(place), values);
        }
    }

    [Fact]
    public void Table_whose_form_no_device_would_read_is_learned_without_it_and_that_is_noted()
    {
        void Left(string problem, string text)
        {
            var data = DataSets.Load(Table(text), null, 1);
            Assert.Null(data.InputForm);
            Assert.Contains(problem, Assert.Single(data.Notes, note => note.Contains("rows of the table", StringComparison.Ordinal)),
                StringComparison.Ordinal);
        }
        Left("a word of 300 characters; at most 256 are allowed. Rename or shorten it, or leave columns out (data.table.without).",
            "a,b,y\n" + Rows(i => $"{(i % 2 == 0 ? new string('w', 300) : "v")},1,{i % 2}"));
        Left("A table has 1 to 4096 columns, not 4097.",
            string.Concat(Enumerable.Range(0, 4097).Select(column => $"c{column},")) + "y\n"
                + Rows(i => string.Concat(Enumerable.Repeat($"{i},", 4097)) + $"{i % 2}", 12));
        // Every part keeps to its maximum, and together they are too long: 50 columns of 64 words of 250 letters that JSON writes in six.
        Left("at most 4194304 are read", string.Concat(Enumerable.Range(0, 50).Select(column => $"c{column},")) + "y\n"
            + Rows(i => string.Concat(Enumerable.Repeat($"{i % 64}".PadRight(250, 'ä') + ",", 50)) + $"{i / 2 % 2}", 256));
    }

    [Fact]
    public void Truth_values_of_json_are_the_words_that_json_has()
    {
        var spec = Table(Rows(i => $$"""{"on": {{(i % 2 == 0 ? "true" : "false")}}, "n": 1, "y": {{i % 2}}}"""));
        Assert.Equal(["false", "true"], DataSets.Load(spec, null, 1).Table!.Columns[0].Words);
    }

    [Theory]
    [InlineData("yyyy-MM-dd", 5)]
    [InlineData("dd.MM.yyyy", 5)]
    [InlineData("MM/dd/yyyy", 5)]
    [InlineData("yyyy-MM-dd HH:mm:ss", 7)]
    public void Date_is_days_and_where_in_week_and_year_it_lies_and_in_the_day_where_there_is_a_time(string format, int values)
    {
        string At(int day) => new DateTime(2000, 1, 1).AddDays(day).ToString(format, CultureInfo.InvariantCulture);
        var data = DataSets.Load(Table("when,y\n" + Rows(i => $"{At(i)},{i % 2}"), $"when,y\n{At(7)},0\n"), null, 1);
        Assert.Equal(format, data.Table!.Columns[0].Format);
        Assert.Equal(values, data.Test.SampleLength);
        Assert.Equal(7, data.Test.Inputs[0]);
        // A week later is the same day of the week.
        Assert.Equal(0, data.Test.Inputs[1], 1e-6);
        Assert.Equal(1, data.Test.Inputs[2], 1e-6);
        Assert.Equal(Math.Sin(Math.Tau * 7 / 365.2425), data.Test.Inputs[3], 1e-6);
    }

    [Theory]
    [InlineData("\t", "1.5")]
    [InlineData(";", "1,5")]
    [InlineData("|", "1.5")]
    [InlineData("  ", "1.5")]
    [InlineData(", ", "1.5")]
    public void What_stands_between_fields_is_found_out(string between, string number)
    {
        var data = DataSets.Load(Table($"a{between}y\n" + Rows(i => $"{number}{between}{(i % 2 == 0 ? "no" : "yes")}")), null, 1);
        Assert.Equal(["no", "yes"], data.Classes);
        Assert.All(data.Training.Inputs, value => Assert.Equal(1.5f, value));
    }

    [Fact]
    public void Table_without_a_header_has_its_columns_numbered()
    {
        var data = DataSets.Load(Table(Rows(i => $"{i},{(i % 2 == 0 ? "no" : "yes")}")) with { LabelColumn = "2" }, null, 1);
        Assert.Equal(["1"], data.ChannelNames!);
        Assert.Equal(40, data.Training.Count + data.Validation.Count + data.Test.Count);
    }

    [Fact]
    public void Objects_of_json_a_line_each_are_a_table()
    {
        var data = DataSets.Load(Table(Rows(i => $$"""{"a": {{i}}, "c": "w{{i % 3}}", "y": {{i % 2}}}""")), null, 1);
        Assert.Equal(["a", "c=w0", "c=w1", "c=w2"], data.ChannelNames!);
    }

    [Fact]
    public void Numbers_by_unit_and_moment_are_no_series_behind_a_label()
    {
        var path = Write("cycles.txt", Rows(i => $"{1 + i / 20} {1 + i % 20} 0.5 0.25"));
        var message = Assert.Throws<BuildException>(() => DataSets.Load(new DataSpec { Train = path }, null, 1)).Message;
        Assert.Contains("has the columns 1, 2, 3, 4; name the one that is to be predicted in data.labelColumn", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Several_files_are_one_table_and_a_fault_names_its_file()
    {
        Write("a1.csv", "a,c,y\n" + Rows(i => $"{i},red,{i % 2}", 20));
        Write("a2.csv", "a,c,y\n" + Rows(i => $"{i},blue,{i % 2}", 20));
        var spec = new DataSpec { Train = _folder["a?.csv"], LabelColumn = "y" };
        var data = DataSets.Load(spec, null, 1);
        Assert.Equal(["a", "c=blue", "c=red"], data.ChannelNames!);
        Assert.Equal(40, data.Training.Count + data.Validation.Count + data.Test.Count);
        Write("a3.csv", "a,c,y\nx,red,1\n");
        Assert.Contains("a3.csv, line 2, column 'a' holds 'x'", Assert.Throws<BuildException>(() => DataSets.Load(spec, null, 1)).Message,
            StringComparison.Ordinal);
        Write("a3.csv", "a,d,y\n1,red,1\n");
        Assert.Contains("a3.csv has the columns a, d, y, and a1.csv has a, c, y",
            Assert.Throws<BuildException>(() => DataSets.Load(spec, null, 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("npz")]
    [InlineData("csv")]
    public void Folder_where_a_file_is_read_is_refused_with_what_helps(string kind)
    {
        var message = Assert.Throws<BuildException>(
            () => DataSets.Load(new DataSpec { Kind = kind, Train = _folder.Path, LabelColumn = "y" }, null, 1)).Message;
        Assert.Contains($"is a folder, and data.kind '{kind}' reads files: name one, or several as", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kind_that_does_not_fit_the_file_is_answered_with_the_one_that_does()
    {
        var path = Write("train.txt", Rows(i => $"{i % 2} 0.5 1.5"));
        var message = Assert.Throws<BuildException>(
            () => DataSets.Load(new DataSpec { Kind = "npy", Train = path, TrainLabels = path }, null, 1)).Message;
        Assert.Contains("train.txt looks like data.kind 'ucr', and 'npy' is said.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_things_are_left_out_and_said()
    {
        var data = DataSets.Load(Table("id,a,y\n" + Rows(i => $"n{i},{i},{i % 2}", 100)), null, 1);
        Assert.Equal(["a"], data.ChannelNames!);
        Assert.Contains("Column 'id' is left out: it holds 100 different words in 100 rows", Assert.Single(data.Notes),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_are_left_out_and_taken_for_categories_as_asked()
    {
        var data = DataSets.Load(Table("a,b,c,y\n" + Rows(i => $"{i},{i % 3},{i},{i % 2}")) with
        {
            Table = new TableSpec { Without = ["a"], Categories = ["b"] },
        }, null, 1);
        Assert.Equal(["b=0", "b=1", "b=2", "c"], data.ChannelNames!);
    }

    [Fact]
    public void Word_in_a_test_column_of_numbers_is_refused_with_its_line()
    {
        var message = Assert.Throws<BuildException>(
            () => DataSets.Load(Table("a,y\n" + Rows(i => $"{i},{i % 2}"), "a,y\n1,0\nx,1\n"), null, 1)).Message;
        Assert.Contains("test.csv: line 3, column 'a' holds 'x', which is not a number", message, StringComparison.Ordinal);
    }
}
