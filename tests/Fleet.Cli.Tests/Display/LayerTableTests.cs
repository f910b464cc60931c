using System.Text.RegularExpressions;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Tests.Display;

/// <summary>The table of <c>fleet models inspect</c>.</summary>
public sealed class LayerTableTests
{
    [Fact]
    public void Terminal_of_80_columns_shows_each_layer_in_a_line_by_the_end_of_its_name()
    {
        var lines = Lines(outputIsTerminal: true, width: 80);
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^…/layers\.11/mlp/fc2/MatMul +GatherBlockQ… +21\.5 +12\.0 +0\.125 % +3/256"));
        Assert.Contains(lines, line => Regex.IsMatch(line, @"^tail +Conv +- +equal +- +-"));
        Assert.Contains(lines, line => line.StartsWith("Alone these cost most:", StringComparison.Ordinal));
    }

    [Fact]
    public void Pipe_gets_every_column()
    {
        var lines = Lines(outputIsTerminal: false, width: 80);
        Assert.Contains(lines, line => Regex.IsMatch(line, @"LAYER +OP +ALONE +HERE +CUT OFF +OUTLIERS +WEIGHTS +VALUES +FLOAT RANGE$"));
        Assert.Contains(lines, line => line.EndsWith("int4     uint8   -1.5..2", StringComparison.Ordinal));
    }

    private static string[] Lines(bool outputIsTerminal, int width)
    {
        using var output = new StringWriter { NewLine = "\n" };
        var layer = new LayerInspection
        {
            Layer = "/encoder/backbone/layers.11/mlp/fc2/MatMul",
            Operator = "GatherBlockQuantized",
            Weights = "int4",
            Activations = "uint8",
            Alone = 21.5,
            Cumulative = 12,
            Minimum = -1.5,
            Maximum = 2,
            Lowest = -1,
            Highest = 1,
            Saturated = 0.00125,
            Channels = 256,
            OutlierChannels = 3,
            LargestChannel = 7,
            LargestFactor = 11,
        };
        LayerTable.Write(
            new Shell(output, TextWriter.Null, outputIsTerminal, errorIsTerminal: false, width, _ => null, TimeProvider.System),
            new InspectionReport
            {
                Variant = "x64-int8.onnx",
                Reference = "model.onnx",
                Samples = new SampleSource("held-out.npz", 32),
                SignalToNoise = 12,
                Layers = [
                    layer,
                    layer with
                    {
                        Layer = "tail", Operator = "Conv", Alone = null, Cumulative = Closeness.Exact, Saturated = null,
                        LargestFactor = null,
                    },
                ],
            }, page: null);
        return Regex.Replace(output.ToString(), @"\e\[[0-9;]*m", "").Split('\n', StringSplitOptions.TrimEntries);
    }
}
