using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>Detection: boxes against true ones, and against those the float model is confident of.</summary>
internal sealed class BoxScore : TaskScore
{
    private readonly DetectionForm _form;
    private readonly DetectionScore _labelled = new(), _agreement = new();

    private BoxScore(SampleTruth truth, IReadOnlyList<string> outputs, DetectionForm form)
        : base(truth, outputs) => _form = form;

    public static BoxScore Of(SampleTruth truth, IReadOnlyList<string> outputs, DetectionForm form)
    {
        string[] needed = form.Labels is { } labels ? [form.Boxes, form.Scores, labels] : [form.Boxes, form.Scores];
        return Array.Find(needed, name => !outputs.Contains(name)) is { } missing
            ? throw new FormatException($"The model has no output '{missing}' to make boxes of; it has {string.Join(", ", outputs)}.")
            : new BoxScore(truth, needed, form);
    }

    private protected override void Take(int sample, SampleOutput output)
    {
        var found = DetectionReader.Read(_form, output(_form.Boxes, out _), output(_form.Scores, out _),
            Classes(_form.Labels is { } name ? output(name, out _) : default));
        if (Truth is { Classes: { } labels, Values: { } corners })
            _labelled.Add(found, DetectionReader.ReadTruth(Truth.RowOf(corners, sample), Truth.RowOf(labels, sample)));
        if (!Outputs.All(Compares)) return;
        var reference = DetectionReader.Read(
            _form, Truth.Reference(_form.Boxes, sample), Truth.Reference(_form.Scores, sample),
            Classes(_form.Labels is { } labelsName ? Truth.Reference(labelsName, sample) : default));
        _agreement.Add(found, DetectionReader.Confident(_form, reference));
    }

    private protected override IEnumerable<MetricValue> Figures(SampleWeights weights)
    {
        if (_labelled.Of(weights) is { } found)
        {
            yield return MetricValue.Of(Metric.Map50To95, found.At50To95);
            yield return MetricValue.Of(Metric.Map50, found.At50);
        }
        if (_agreement.Of(weights) is not { } agreed) yield break;
        yield return MetricValue.Of(Metric.BoxAgreement, agreed.At50To95);
        yield return MetricValue.Of(Metric.BoxAgreement50, agreed.At50);
    }

    private static long[] Classes(ReadOnlySpan<float> labels)
    {
        var classes = new long[labels.Length];
        for (var i = 0; i < classes.Length; i++) classes[i] = float.IsFinite(labels[i]) ? (long)Math.Round(labels[i]) : -1;
        return classes;
    }
}
