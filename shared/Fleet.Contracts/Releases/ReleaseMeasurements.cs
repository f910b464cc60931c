using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Releases;

/// <summary>Who measured what of a release, or will: for whoever signs it or rolls it out.</summary>
/// <param name="Server">What the server measured.</param>
/// <param name="Worker">What the worker measured that built it, and whose word that is.</param>
/// <param name="Devices">What each device measures before it serves, and with which samples.</param>
/// <param name="Unmeasured">What nobody measures, each in a few words; empty when everything is.</param>
public sealed record ReleaseMeasurements(string Server, string Worker, string Devices, IReadOnlyList<string> Unmeasured)
{
    /// <summary>What is known of a release.</summary>
    public static ReleaseMeasurements Of(ReleaseManifest manifest)
    {
        var told = Titles(manifest.Variants.SelectMany(variant => variant.Expected.Metrics).Select(metric => metric.Name));
        var judged = Titles(manifest.Variants.SelectMany(variant => variant.Gate.Thresholds).Select(threshold => threshold.Metric));
        var unmeasured = manifest.Variants.SelectMany(UnmeasuredOf).ToList();
        if (manifest.Measured is null) unmeasured.Add("whose word the figures are is not known");
        return new ReleaseMeasurements(
            "nothing: it takes figures, verdicts and samples as the worker says them",
            (told.Length > 0 ? told : "nothing")
                + (manifest.Measured is { } by ? $", by worker {by.Worker} with key {by.Key ?? "unknown"}, on {by.Machine}" : ""),
            judged.Length > 0 ? $"{judged}, each before it serves, with samples that the worker chose" : "nothing that decides",
            unmeasured);
    }

    /// <summary>The same in a line.</summary>
    /// <param name="release">What it is of, such as <c>vibration 3</c>.</param>
    public string Summary(string release)
        => $"Who measured {release}: the server: {Server}; a worker: {Worker}; devices: {Devices}; nobody: {NobodyInWords()}.";

    /// <summary>What nobody measures, in a line.</summary>
    public string NobodyInWords() => Unmeasured.Count == 0 ? "nothing of what is promised" : string.Join("; ", Unmeasured);

    private static IEnumerable<string> UnmeasuredOf(Variant variant)
    {
        if (variant.Expected.Quality is null) yield return $"how good {variant.Id} is";
        if (variant.Expected.Latency is null) yield return $"the latency of {variant.Id}";
        if (variant.Gate.Thresholds.Count == 0) yield return $"whether {variant.Id} is good enough on a device (it has no gate)";
    }

    private static string Titles(IEnumerable<string> metrics)
        => string.Join(", ", metrics.Distinct(StringComparer.Ordinal).Select(name => Threshold.Lowered(Metric.TitleOf(name))));
}
