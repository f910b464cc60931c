using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.TestKit;
using Parquet;
using Parquet.Schema;

namespace Fleet.Modeling.Tests.Data;

public sealed class ParquetTests : IDisposable
{
    private const int Rows = 40;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private async Task<string> WrittenAsync()
    {
        var (count, when, flag) = (new DataField<int?>("count"), new DataField<DateTime>("when"), new DataField<bool>("flag"));
        var (colour, y) = (new DataField<string>("colour"), new DataField<string>("y"));
        await using var file = File.Create(_folder["a.parquet"]);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(count, colour, when, flag, y), file);
        // Two groups of rows, as large files have them.
        for (var half = 0; half < 2; half++)
        {
            int[] rows = [.. Enumerable.Range(half * Rows / 2, Rows / 2)];
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<int>(count, rows.Select(row => row % 8 == 3 ? (int?)null : row % 2).ToArray().AsMemory());
            await group.WriteAsync(colour, rows.Select(row => row % 2 == 0 ? "red" : "blue").ToArray());
            await group.WriteAsync<DateTime>(when, rows.Select(row => new DateTime(2000, 1, 1 + row % 2)).ToArray().AsMemory());
            await group.WriteAsync<bool>(flag, rows.Select(row => row % 2 == 0).ToArray().AsMemory());
            await group.WriteAsync(y, rows.Select(row => row % 2 == 0 ? "even" : "odd").ToArray());
        }
        return _folder["a.parquet"];
    }

    [Fact]
    public async Task Columns_of_parquet_are_those_of_any_table()
    {
        var data = DataSets.Load(new DataSpec { Train = await WrittenAsync(), LabelColumn = "y", ValidationShare = 0 }, null, 1);
        Assert.Equal(["even", "odd"], data.Classes);
        Assert.Equal(["count", "colour", "when", "flag"], data.Table!.Columns.Select(column => column.Name));
        Assert.Equal(
            [TableColumnKind.Number, TableColumnKind.Category, TableColumnKind.Date, TableColumnKind.Category],
            data.Table.Columns.Select(column => column.Kind));
        Assert.True(data.Table.Columns[0].TellsMissing);
        Assert.Equal(Rows, data.Training.Count + data.Test.Count);
        for (var i = 0; i < data.Test.Count; i++)
        {
            var sample = data.Test.Sample(i).ToArray();
            float odd = data.Test.ClassNumbers[i];
            if (sample[1] == 0) Assert.Equal(odd, sample[0]);
            // Behind the number: missing or not, blue, red, and days.
            Assert.Equal([odd, 1 - odd, odd], sample[2..5]);
        }
    }

    [Fact]
    public async Task Parquet_that_was_cut_off_is_refused_by_name()
    {
        var bytes = await File.ReadAllBytesAsync(await WrittenAsync(), TestContext.Current.CancellationToken);
        await File.WriteAllBytesAsync(_folder["cut.parquet"], bytes[..(bytes.Length / 2)], TestContext.Current.CancellationToken);
        var message = Assert.Throws<BuildException>(
            () => DataSets.Load(new DataSpec { Train = _folder["cut.parquet"], LabelColumn = "y" }, null, 1)).Message;
        Assert.Contains("cut.parquet: it is not a Parquet file that can be read", message, StringComparison.Ordinal);
    }
}
