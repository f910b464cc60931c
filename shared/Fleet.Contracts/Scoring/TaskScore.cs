using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Scoring;

/// <summary>The values that a model gave for one sample at one output, and the last extent of their shape.</summary>
/// <param name="name">The output.</param>
/// <param name="columns">Values of one row.</param>
public delegate ReadOnlySpan<float> SampleOutput(string name, out int columns);

/// <summary>
/// Measures a model by its task, one sample after the other, against the labels and the float model's outputs of a validation
/// set. Server and device use the same: a figure that one promises is the figure that the other checks.
/// </summary>
public abstract class TaskScore
{
    private readonly List<OutputScore> _closeness = [];
    private readonly string[] _compared;
    private int _next;

    private protected TaskScore(SampleTruth truth, IReadOnlyList<string> outputs)
    {
        Truth = truth;
        Outputs = outputs;
        _compared = [.. truth.References.Where(outputs.Contains).Order(StringComparer.Ordinal)];
    }

    /// <summary>Outputs it asks for.</summary>
    public IReadOnlyList<string> Outputs { get; }

    /// <summary>Labels and references.</summary>
    protected SampleTruth Truth { get; }

    /// <summary>What measures a model of a task.</summary>
    /// <param name="truth">Labels and references.</param>
    /// <param name="outputs">The model's float outputs, the one that matters first.</param>
    /// <param name="form">How boxes are made of them, for detection.</param>
    /// <param name="labelUnit">Unit of the labels, for errors.</param>
    /// <exception cref="FormatException">The outputs do not have the form of the task.</exception>
    public static TaskScore For(SampleTruth truth, IReadOnlyList<string> outputs, DetectionForm? form = null, string? labelUnit = null)
    {
        if (outputs.Count == 0) throw new FormatException("The model has no float output that could be judged.");
        string[] judged = [outputs[0], .. outputs.Skip(1).Where(truth.References.Contains)];
        return truth.Task switch
        {
            ModelTask.Classification => new DecisionScore(truth, judged),
            ModelTask.MultiLabel => new LabelScore(truth, judged),
            ModelTask.Anomaly => new AnomalyScore(truth, judged),
            ModelTask.Regression => new ValueScore(truth, judged, labelUnit),
            ModelTask.Detection => BoxScore.Of(truth, outputs, form ?? new DetectionForm()),
            ModelTask.Embedding => new NeighbourScore(truth, judged),
            _ => new RowScore(truth, judged),
        };
    }

    /// <summary>Takes the next sample in.</summary>
    /// <exception cref="FormatException">The outputs do not have the form of the task.</exception>
    public void Add(SampleOutput output)
    {
        var closeness = new OutputScore();
        foreach (var name in _compared)
        {
            var values = output(name, out _);
            var reference = Truth.Reference(name, _next);
            if (values.Length != reference.Length)
                throw new FormatException(
                    $"Output '{name}' has {values.Length} values for a sample; the float model gave {reference.Length}.");
            closeness.Add(values, reference);
        }
        if (_compared.Length > 0) _closeness.Add(closeness);
        Take(_next++, output);
    }

    /// <summary>What was measured, in the order of the task's metrics.</summary>
    public IReadOnlyList<MetricValue> Measured() => Measured(SampleWeights.Equal);

    /// <summary>
    /// What would have been measured had each sample been there as often as <paramref name="weights"/> says: a bootstrap asks so.
    /// </summary>
    public IReadOnlyList<MetricValue> Measured(SampleWeights weights)
    {
        var definition = TaskDefinition.Of(Truth.Task);
        var order = definition.LabelMetrics.Concat(definition.ReferenceMetrics).Select(metric => metric.Name).ToList();
        var all = Closeness(weights);
        IEnumerable<MetricValue> closeness = _compared.Length == 0 ? []
            : [MetricValue.Of(Metric.Cosine, all.Cosine), MetricValue.Of(Metric.SignalToNoise, all.SignalToNoise)];
        return [
            .. Figures(weights).Concat(closeness).Where(value => double.IsFinite(value.Value)).OrderBy(value => order.IndexOf(value.Name)),
        ];
    }

    /// <summary>
    /// How far each sample moves <see cref="Metric.SignalToNoise"/> (<see cref="OutputScore.InfluenceOn"/>) where they count as
    /// <paramref name="weights"/> says; none where nothing is compared.
    /// </summary>
    public double[] InfluenceOnDecibels(SampleWeights weights)
    {
        var all = Closeness(weights);
        return [.. _closeness.Select(one => one.InfluenceOn(all))];
    }

    private OutputScore Closeness(SampleWeights weights)
    {
        var all = new OutputScore();
        foreach (var (sample, one) in _closeness.Index()) all.Add(one, weights[sample]);
        return all;
    }

    /// <summary>Takes sample number <paramref name="sample"/> in.</summary>
    private protected abstract void Take(int sample, SampleOutput output);

    /// <summary>The task's own figures.</summary>
    private protected abstract IEnumerable<MetricValue> Figures(SampleWeights weights);

    private protected bool Compares(string output) => _compared.Contains(output);
}
