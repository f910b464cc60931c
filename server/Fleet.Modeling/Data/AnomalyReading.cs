using System.Globalization;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>Which labels are normal, found out once by those of all parts: anomalies may be of kinds that no other part has.</summary>
internal sealed class AnomalyReading
{
    /// <summary>Names of the two classes.</summary>
    public static readonly IReadOnlyList<string> Classes = ["normal", "anomaly"];

    private const int MostNamed = 12;

    private readonly ClassReading? _reading;
    private readonly HashSet<long> _normal = [0];

    private AnomalyReading(ClassReading? reading) => _reading = reading;

    /// <summary>The labels as they are, in the order of <see cref="AnomalyLabels.Kinds"/>; empty where nobody labelled anything.</summary>
    public IReadOnlyList<string> Kinds => _reading?.Names ?? [];

    /// <summary>Finds out what is normal.</summary>
    /// <param name="spec">What is asked.</param>
    /// <param name="parts">The parts, those without labels too.</param>
    /// <exception cref="BuildException">Nobody says what is normal, or says it by a label that no sample has.</exception>
    public static AnomalyReading Of(DataSpec spec, IReadOnlyList<RawSamples> parts)
    {
        RawSamples[] labelled = [.. parts.Where(part => !part.Labels.AreNone)];
        if (labelled.Length == 0) return new AnomalyReading(null);
        var classes = ClassReading.OfAny(spec, labelled[0] with { Labels = JoinedOf(spec, labelled) });
        var reading = new AnomalyReading(classes);
        reading._normal.Clear();
        foreach (var name in reading.NormalNames(spec, labelled[0].Source))
        {
            var place = classes.Names.Index().Where(known => known.Item == name).Select(known => known.Index).FirstOrDefault(-1);
            reading._normal.Add(place >= 0 ? place : throw new BuildException(
                $"data.anomaly.normal names '{name}', which no sample has; the labels are {reading.Listed()}."));
        }
        return reading;
    }

    // Words, whatever the files hold: -1 is the anomaly in many of them, and no sample without a label. A number that is no label is
    // refused where its own file has it.
    private static RawLabels JoinedOf(DataSpec spec, RawSamples[] labelled)
    {
        if (labelled.Any(part => part.Labels.Columns > 1))
        {
            LabelReading.RequireSameColumns(labelled);
            return RawLabels.Joined([.. labelled.Select(part => part.Labels)]);
        }
        foreach (var part in labelled.Where(part => part.Labels.Names is null))
        {
            var bad = Array.FindIndex(part.Labels.Values, value => !double.IsInteger(value));
            if (bad >= 0)
                throw LabelReading.Refuse(part, bad, part.Labels.Values[bad],
                    "which names no kind of sample: labels are whole numbers or words.");
        }
        // Numbers count through names that a spec gives them.
        return spec.Classes is not null && labelled.All(part => part.Labels.Names is null)
            ? RawLabels.Joined([.. labelled.Select(part => part.Labels)])
            : RawLabels.Named([.. labelled.SelectMany(part => part.Labels.Words())]);
    }

    /// <summary>What each sample is.</summary>
    public AnomalyLabels Labels(RawSamples raw)
    {
        if (raw.Labels.AreNone) return AnomalyLabels.AllNormal(raw.Labels.Count);
        var kinds = _reading!.Classes(raw).Numbers;
        return new AnomalyLabels([.. kinds.Select(kind => _normal.Contains(kind) ? 0L : 1)], kinds);
    }

    /// <summary>What became of anomalies that nothing is learned from, where not all of them judge.</summary>
    /// <param name="spec">What was asked.</param>
    /// <param name="train">The training samples as they were read.</param>
    /// <param name="learned">Normal samples that are learned from.</param>
    /// <param name="judged">The labels of the test samples.</param>
    public IEnumerable<string> Notes(DataSpec spec, RawSamples train, int learned, AnomalyLabels judged)
    {
        if (spec.IsUnlabelled)
            yield return string.Create(CultureInfo.InvariantCulture,
                $"All {train.Labels.Count:N0} samples of {train.Source} are taken as normal, whatever labels they have: ")
                + "where some are not, give them as data.train and name the labels of the others in data.anomaly.normal (--normal).";
        if (spec.Anomaly?.Normal is null && Kinds.Count > 1)
            yield return $"Label 0 is taken as normal, {Kinds[1]} as an anomaly; data.anomaly.normal says otherwise.";
        var given = train.Labels.AreNone ? 0 : Labels(train).Anomalies;
        var used = spec.Test is null ? judged.Anomalies : 0;
        if (given > used)
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{given - used:N0} of {given:N0} anomalies in {train.Source} are left out: {learned:N0} normal samples are learned from")
                + (spec.Test is null ? ", and as many anomalies as normal samples judge." : ".");
    }

    private IReadOnlyList<string> NormalNames(DataSpec spec, string source) => spec.Anomaly?.Normal is { } named ? named
        : Kinds is ["0", "1"] or ["0"] ? ["0"]
        : throw new BuildException(
            $"{source} has the labels {Listed()}, and data.task 'anomaly' learns from normal samples: name their labels in "
                + "data.anomaly.normal.");

    private string Listed() => $"{string.Join(", ", Kinds.Take(MostNamed))}{(Kinds.Count > MostNamed ? ", ..." : "")}";
}
