using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Display;

/// <summary>Numbers of samples, for people.</summary>
internal static class SampleText
{
    /// <summary>What stands behind the labelled samples: those without labels, or nothing.</summary>
    public static string Beside(SampleCounts samples) => samples.Unlabelled is { } more ? $", {Figures.Count(more)} without labels" : "";
}
