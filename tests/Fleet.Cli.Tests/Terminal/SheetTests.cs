using Fleet.Cli.Terminal;
using Spectre.Console;

namespace Fleet.Cli.Tests.Terminal;

public sealed class SheetTests
{
    [Fact]
    public void Table_in_a_pipe_is_aligned_plain_text_with_one_line_a_row()
    {
        var sheet = new Sheet("id", ">size", "state");
        sheet.Add("press-7", 12_345, new Cell("online", Tone.Good));
        sheet.Add("p", 7, new Cell("offline", Tone.Dim));
        using var writer = new StringWriter { NewLine = "\n" };

        sheet.WritePlain(writer);

        Assert.Equal("ID         SIZE  STATE\npress-7  12,345  online\np             7  offline\n", writer.ToString());
    }

    [Fact]
    public void Narrow_terminal_gets_what_must_be_there_and_of_the_rest_what_fits()
    {
        var sheet = new Sheet("build", "teacher?", ">size?", ">energy?", "verdict");
        sheet.Add("20261123-214205-123-a1b2", "conv1d of width 20, with a dense head", "1.2 MiB", Figures.None, "* chosen");
        Assert.Equal(["BUILD SIZE VERDICT", "20261123-214205-123-a1b2 1.2 MiB * chosen"], Drawn(sheet, 43, "TEACHER"));
        Assert.Equal(["BUILD VERDICT", "20261123-214205-123-a1b2 * chosen"], Drawn(sheet, 36, "TEACHER", "SIZE"));
        // A name in a sentence is not broken either: there is room for its longest word, or the column is left out.
        sheet.Add("b", "20261123-214205-123-a1b2 again", "1 MiB", Figures.None, "beaten");
        Assert.Equal("BUILD SIZE VERDICT", Drawn(sheet, 57, "TEACHER")[0]);
        Assert.Equal("BUILD TEACHER VERDICT", Drawn(sheet, 58, "SIZE")[0]);
        // Where all of it fits, sentences wrapped, the empty column stands there too.
        Assert.Equal("BUILD TEACHER SIZE ENERGY VERDICT", Drawn(sheet, 80)[0]);
    }

    [Fact]
    public void Terminal_is_told_what_a_table_has_no_room_for()
    {
        using var output = new StringWriter();
        var screen = new Shell(output, TextWriter.Null, outputIsTerminal: true, errorIsTerminal: false, width: 30, _ => null,
            TimeProvider.System);
        var sheet = new Sheet("build", "asked?");
        sheet.Add("20261123-214205-123-a1b2", "59 minutes ago");
        screen.Write(sheet);
        Assert.Contains("Left out for want of room:", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("ASKED", output.ToString(), StringComparison.Ordinal);
    }

    private static string[] Drawn(Sheet sheet, int width, params string[] leftOut)
    {
        var (table, missing) = sheet.ToRenderable(width);
        Assert.Equal(leftOut, missing);
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = width;
        console.Write(table);
        return [.. output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
    }

    [Fact]
    public void Sparkline_sums_neighbours_when_there_are_more_values_than_room()
        => Assert.Equal("▁█", Charts.Sparkline([0, 0, 4, 4], 2));

    [Theory]
    [InlineData(0, "")]
    [InlineData(0.5, "██")]
    [InlineData(0.53125, "██▏")]
    [InlineData(2, "████")]
    public void Bar_is_fine_to_an_eighth_and_never_longer_than_its_room(double share, string bar)
        => Assert.Equal(bar, Charts.Bar(share, 4));
}
