using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Commands;

/// <summary>A build report as two tables: the float networks, then every variant with its verdict.</summary>
internal static class BuildTables
{
    public static void Write(Shell screen, BuildReport report)
    {
        screen.WriteHeading($"{report.Spec.Model}: {Figures.Count(report.Samples.Training)} training, {Figures.Count(report.Samples.Validation)} validation, {Figures.Count(report.Samples.Test)} test samples; {DurationText.Of(report.Duration)} on {report.MeasuredOn}");
        screen.WriteLine();
        var networks = new Sheet("network", "kind", ">parameters", ">size", ">accuracy", ">p50 ms");
        var named = report.Teacher is { } teacher ? [("teacher", teacher), ("student", report.Student)] : new[] { ("model", report.Student) };
        foreach (var (name, network) in named)
            networks.Add(name, network.Description, network.Parameters, Figures.Bytes(network.Bytes), Figures.Percent(network.Scores.Accuracy), Figures.BareMilliseconds(network.Scores.Latency?.P50));
        screen.Write(networks);
        screen.WriteLine();

        var variants = new Sheet("variant", "scheme", ">size", ">accuracy", ">agrees", ">p50 ms", ">speed", "verdict");
        foreach (var variant in report.Variants)
        {
            variants.Add(
                variant.Id, variant.Scheme, Figures.Bytes(variant.Artifact?.Bytes), Figures.Percent(variant.Scores?.Accuracy), Figures.Percent(variant.Scores?.Agreement),
                Figures.BareMilliseconds(variant.Scores?.Latency?.P50), variant.SpeedUp is { } factor ? FormattableString.Invariant($"{factor:0.00}x") : Figures.None,
                variant.Accepted ? new Cell("accepted", Tone.Good) : new Cell("rejected", Tone.Bad));
        }
        screen.Write(variants);
        if (report.Variants.Any(variant => variant.Reasons.Count > 0)) screen.WriteLine();
        foreach (var variant in report.Variants)
        {
            foreach (var reason in variant.Reasons) screen.WriteSentence($"{variant.Id}: {reason}");
        }
    }
}
