using System.Globalization;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Display;

/// <summary>What networks reach with each seed, and where their means lie.</summary>
internal static class SeedTable
{
    public static void Write(Shell screen, BuildReport report, ReportMeasure measure)
    {
        if (report.Seeds is not { } seeds) return;
        screen.WriteSentence($"{seeds}.");
        var table = new Sheet(["seed", "student?", .. seeds.Networks.Select(network => $">{Words(network.Name)}")]);
        foreach (var seed in seeds.Each)
            table.Add([
                seed.Seed.ToString(CultureInfo.InvariantCulture), seed.Description,
                .. seeds.Networks.Select(network => seed.Of(network.Name))
                    .Select(figure => (Cell)(figure is null ? Figures.None : measure.Text(figure))),
            ]);
        table.Add(["mean", "", .. seeds.Networks.Select(network => (Cell)measure.Text(network.Mean))]);
        table.Add(["95 %", "", .. seeds.Networks.Select(network => (Cell)measure.IntervalOf(network))]);
        screen.Write(table);
        foreach (var gain in seeds.Gains) screen.WriteSentence(measure.Sentence(gain, seeds.Count));
        screen.WriteLine();
    }

    private static string Words(string network) => network.Replace('-', ' ');
}
