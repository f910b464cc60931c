using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.TestKit;

namespace Fleet.Contracts.Tests.Inputs;

/// <summary>A stream becomes the windows that training would have cut of it, whichever way it comes.</summary>
public sealed class StreamTests
{
    private static readonly WindowForm Threes = new() { Length = 3, Step = 2, Minimum = 2, Padding = WindowPadding.FirstRow };
    private static readonly WindowForm Fours = new() { Length = 4, Step = 3, Minimum = 1, Padding = WindowPadding.Silence };
    private static readonly IStreamReader Series = Read(new InputForm { Series = new SeriesForm(["heat", "load"]), Windows = Threes });
    private static readonly IStreamReader Sounds = Read(new InputForm
    {
        Sound = new Preprocessing { SampleRate = 2, Window = 4, Hop = 3 },
        Windows = Fours,
    });

    [Theory]
    [InlineData("[[1,10],[2,20],[3,30]]", "0-3: 1 2 3 10 20 30")]
    [InlineData("""[{"load":10,"heat":1,"time":"8:00"},{"heat":2,"load":20},{"heat":3,"load":30}]""", "0-3: 1 2 3 10 20 30")]
    [InlineData("[[1,2,3],[10,20,30]]", "0-3: 1 2 3 10 20 30")]
    [InlineData("[[[1,2,3],[10,20,30]]]", "0-3: 1 2 3 10 20 30")]
    [InlineData("[1,2,3,10,20,30]", "0-3: 1 2 3 10 20 30")]
    [InlineData("[[1,10],[2,20]]", "0-2: 1 1 2 10 10 20")]
    [InlineData("[[0,0],[1,10],[2,20],[3,30]]", "1-4: 1 2 3 10 20 30")]
    [InlineData("[[0,0],[1,10],[2,20],[3,30],[4,40],[5,50]]", "1-4: 1 2 3 10 20 30; 3-6: 3 4 5 30 40 50")]
    public void Rows_are_cut_from_the_last_one_on(string instance, string windows) => Assert.Equal(windows, Windows(Series, instance));

    [Theory]
    [InlineData("[1,0.5]", "0-1: 1 0.5 0 0")]
    [InlineData("[1,2,3,4,5,6]", "0-2: 1 2 3 4")]
    [InlineData("[[1,2,3,4,5,6,7],[3,4,5,6,7,8,9]]", "0-2: 2 3 4 5; 1.5-3.5: 5 6 7 8")]
    public void Sound_is_cut_from_its_beginning_on(string instance, string windows) => Assert.Equal(windows, Windows(Sounds, instance));

    [Theory]
    [InlineData("7", "it must be rows of numbers in the order of the channels, [[...], ...], or with a key for each, [{\"heat\": 1.5, ")]
    [InlineData("[]", "it holds no rows")]
    [InlineData("[[1,10]]", "it has 1 rows, and the model learned from windows of 2 and more: send more, or train it on fewer")]
    [InlineData("[1,2,3,4]", "row 0 is not one of 2 numbers")]
    [InlineData("[[[1,2],[3,4]]]", "it must hold numbers in lists of [2, 3]")]
    [InlineData("[[1,2],[3]]", "row 1 is not one of 2 numbers")]
    [InlineData("""[[1,2],[3,"4"]]""", "it holds \"4\" where a number is needed")]
    [InlineData("""[[1,2],{"heat":1}]""", "row 1 is not one of 2 numbers")]
    [InlineData("""[[1,2],{"heat":1,"time":1}]""", "row 1 has no value for 'load'")]
    [InlineData("""[[1,2],{"heat":1,"heat":1,"load":2}]""", "row 1 has channel 'heat' twice")]
    [InlineData("""[[1,2],{"heat":1,"load":null}]""", "it holds null where a number is needed")]
    public void Rows_that_are_none_of_the_table_are_refused(string instance, string problem)
        => Assert.StartsWith(problem, Refused(Series, instance), StringComparison.Ordinal);

    [Fact]
    public void Square_that_may_be_rows_or_channels_is_asked_about_and_one_channel_needs_no_lists()
    {
        var square = Read(new InputForm
        {
            Series = new SeriesForm(["a", "b"]),
            Windows = new() { Length = 2, Step = 1, Minimum = 2, Padding = WindowPadding.FirstRow },
        });
        Assert.StartsWith("it is 2 lists of 2 numbers, which may be rows or channels: send rows as objects",
            Refused(square, "[[1,2],[3,4]]"), StringComparison.Ordinal);
        Assert.Equal("0-2: 1 2 3 4", Windows(square, "[[[1,2],[3,4]]]"));
        Assert.Equal("0-2: 1 3 2 4", Windows(square, """[{"a":1,"b":2},{"a":3,"b":4}]"""));
        Assert.Equal("0-2: 1 2 10 20; 1-3: 2 3 20 30", Windows(square, "[[1,10],[2,20],[3,30]]"));
        var one = Read(new InputForm { Series = new SeriesForm(["a"]), Windows = Threes });
        Assert.Equal("0-3: 1 2 3; 2-5: 3 4 5", Windows(one, "[1,2,3,4,5]"));
        Assert.Equal("0-3: 1 2 3; 2-5: 3 4 5", Windows(one, "[[1],[2],[3],[4],[5]]"));
        Assert.Equal("0-3: 1 2 3", Windows(one, "[[1,2,3]]"));
        Assert.Equal("0-3: 1 2 3", Windows(one, "[[[1,2,3]]]"));
    }

    [Fact]
    public void Memory_is_not_taken_for_rows_that_only_the_first_promises()
    {
        var wide = Read(new InputForm
        {
            Series = new SeriesForm([.. Enumerable.Range(0, 4000).Select(channel => $"{channel}")]),
            Windows = Threes,
        });
        using var json = JsonDocument.Parse(
            $"[[{string.Join(',', Enumerable.Repeat("0", 4000))}]{string.Concat(Enumerable.Repeat(",{}", 3999))}]");
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.StartsWith("row 1 is not one of 4000 numbers",
            Assert.Throws<FormatException>(() => wide.Open(json.RootElement)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    /// <summary>What stands in files that devices already have: another cut of it would be another model.</summary>
    [Fact]
    public void Form_in_files_cuts_as_it_was_written_and_what_needs_no_windows_is_written_for_older_hosts()
    {
        var file = File.ReadAllText(Repository.PathOf("tests", "Fleet.Contracts.Tests", "golden", "series-form.json"));
        Assert.Equal("""{"version":2,"series":{"channels":["heat","load"]},"windows":{"length":50,"step":1,"minimum":30,"padding":"""
            + "\"firstRow\"}}", InputForm.Read(file).Write());
        var rows = JsonSerializer.SerializeToElement(Enumerable.Range(0, 52).Select(row => (int[])[row, -row]));
        var stream = ((IStreamReader)InputForm.Read(file).Reader()).Open(rows);
        Assert.Equal((3, (0, 50), (2, 52)), (stream.Count, stream.Bounds(0), stream.Bounds(2)));
        Assert.Contains("\"version\":1", new InputForm { Sound = new Preprocessing { SampleRate = 2, Window = 4 } }.Write(),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"series\":{\"channels\":[\"a\"]}", "Series are cut into windows, and how is not said.")]
    [InlineData("\"windows\":W", "Windows are cut of series and of sound, and neither is said.")]
    [InlineData("\"version\":1,\"series\":{\"channels\":[\"a\"]},\"windows\":W", "It has windows, which version 1 does not know.")]
    [InlineData("\"series\":{\"channels\":[]},\"windows\":W", "A series has 1 to 4096 channels, not 0.")]
    [InlineData("\"series\":{\"channels\":[\"a\",\"a\"]},\"windows\":W", "Two channels have one name.")]
    [InlineData("\"series\":{\"channels\":[\"a\"]},\"windows\":{\"length\":3,\"step\":1,\"minimum\":4,\"padding\":\"firstRow\"}",
        "Windows of 3 every 1, made of 4 and more, are none")]
    [InlineData("\"series\":{\"channels\":[\"a\"]},\"windows\":{\"length\":9000000,\"step\":1,\"minimum\":1,\"padding\":\"firstRow\"}",
        "A window of 9,000,000 rows of 1 channels is more than one request holds.")]
    [InlineData("\"series\":{\"channels\":[\"a\"]},\"windows\":{\"length\":3,\"step\":1,\"minimum\":3,\"padding\":\"silence\"}",
        "Windows of series are filled with their first row, and those of sound with silence.")]
    [InlineData("\"sound\":{\"window\":4,\"sampleRate\":8000},\"windows\":{\"length\":4,\"step\":2,\"minimum\":1,\"padding\":\"silence\"}",
        "windows of 4 every 2 are not those of the sound, 4 every 4.")]
    public void Form_whose_windows_break_a_rule_is_refused(string form, string problem)
    {
        var text = form.Replace(":W", ":" + """{"length":3,"step":1,"minimum":3,"padding":"firstRow"}""", StringComparison.Ordinal);
        if (!form.Contains("version", StringComparison.Ordinal)) text = "\"version\":2," + text;
        Assert.StartsWith($"fleet.input: {problem}",
            Assert.Throws<FormatException>(() => InputForm.Read($"{{{text}}}").Reader()).Message, StringComparison.Ordinal);
    }

    private static IStreamReader Read(InputForm form) => (IStreamReader)InputForm.Read(form.Write()).Reader();

    private static string Windows(IStreamReader reader, string instance)
    {
        using var json = JsonDocument.Parse(instance);
        var stream = reader.Open(json.RootElement);
        return string.Join("; ", Enumerable.Range(0, stream.Count).Select(window =>
        {
            var values = new float[reader.Width];
            stream.Write(window, values);
            var (start, end) = stream.Bounds(window);
            return FormattableString.Invariant($"{start}-{end}: ")
                + string.Join(' ', values.Select(value => FormattableString.Invariant($"{value}")));
        }));
    }

    private static string Refused(IStreamReader reader, string instance)
    {
        using var json = JsonDocument.Parse(instance);
        return Assert.Throws<FormatException>(() => reader.Open(json.RootElement)).Message;
    }
}
