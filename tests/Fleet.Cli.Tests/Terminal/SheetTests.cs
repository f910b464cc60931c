using Fleet.Cli.Terminal;

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
