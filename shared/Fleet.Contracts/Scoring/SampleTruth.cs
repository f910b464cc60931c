using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Contracts.Scoring;

/// <summary>
/// What a validation set says of its samples beside their inputs: labels in the form of the task, and what the float model gave for them.
/// </summary>
public sealed class SampleTruth
{
    private readonly IReferenceOutputs _references;

    private SampleTruth(ModelTask task, int samples, IReferenceOutputs references)
        => (Task, Samples, _references) = (task, samples, references);

    /// <summary>The task whose labels these are.</summary>
    public ModelTask Task { get; }

    /// <summary>How many samples there are.</summary>
    public int Samples { get; }

    /// <summary>
    /// Class numbers: one for each sample, 1 for an anomaly and 0 for a normal sample, or one for each box of each sample; null where
    /// there are none.
    /// </summary>
    public long[]? Classes { get; private init; }

    /// <summary>
    /// True numbers of each sample, 1 or 0 for each label, or four corners of each box of each sample; null where there are none.
    /// </summary>
    public float[]? Values { get; private init; }

    /// <summary>True when there are labels.</summary>
    public bool IsLabelled => Classes is not null || Values is not null;

    /// <summary>Names of the outputs that the float model's values are there for.</summary>
    public IReadOnlyCollection<string> References => _references.Names;

    /// <summary>What the float model gave for one sample; empty when nobody kept it.</summary>
    public ReadOnlySpan<float> Reference(string output, int sample) => _references.ValuesOf(output, sample);

    /// <summary>The same labels, beside what the float model gave as <paramref name="references"/> keeps it.</summary>
    public SampleTruth ComparedWith(IReferenceOutputs references)
        => new(Task, Samples, references) { Classes = Classes, Values = Values };

    /// <summary>What is known of some samples, in rising order.</summary>
    public SampleTruth Pick(IReadOnlyList<int> samples) => new(Task, samples.Count, new Picked(_references, samples))
    {
        Classes = Classes is { } classes ? [.. samples.SelectMany(sample => RowOf(classes, sample).ToArray())] : null,
        Values = Values is { } values ? [.. samples.SelectMany(sample => RowOf(values, sample).ToArray())] : null,
    };

    /// <summary>The part of <paramref name="values"/> that belongs to one sample.</summary>
    public ReadOnlySpan<T> RowOf<T>(T[] values, int sample) => values.AsSpan(sample * (values.Length / Samples), values.Length / Samples);

    /// <summary>
    /// The task of a set that comes with none, as protocol 1 read it: with labels it classifies, without nothing is known.
    /// </summary>
    public static ModelTask Implied(IReadOnlyDictionary<string, NpyArray> arrays)
        => arrays.ContainsKey(ClassificationTask.LabelsName) ? ModelTask.Classification : ModelTask.Outputs;

    /// <summary>Reads labels and references out of the arrays of a validation set.</summary>
    /// <exception cref="FormatException">They do not have the form of the task; the message names the array.</exception>
    public static SampleTruth Read(ModelTask task, IReadOnlyDictionary<string, NpyArray> arrays, int samples)
    {
        var present = TaskDefinition.Of(task).Labels.Where(label => arrays.ContainsKey(label.Name)).ToArray();
        if (present.Length > 0 && TaskDefinition.Of(task).Labels.FirstOrDefault(label => !arrays.ContainsKey(label.Name)) is { } missing)
            throw new FormatException($"The labels for {task} lack the array '{missing.Name}': {missing.Meaning}");
        foreach (var label in present) Require(label, arrays[label.Name], samples);

        var labels = arrays.GetValueOrDefault(ClassificationTask.LabelsName);
        var references = new Arrays(samples);
        var truth = new SampleTruth(task, samples, references)
        {
            Classes = present.Length > 0 && task is ModelTask.Classification or ModelTask.Detection or ModelTask.Anomaly
                ? labels?.ToInt64s() : null,
            Values = present.Length == 0 ? null : task switch
            {
                ModelTask.Regression => labels?.ToSingles(),
                ModelTask.MultiLabel => labels?.ToSingles(),
                ModelTask.Detection => arrays[DetectionTask.BoxesName].ToSingles(),
                _ => null,
            },
        };
        if (task == ModelTask.Detection && truth.Classes is { } classes && truth.Values!.Length != 4 * classes.Length)
            throw new FormatException(
                $"There are {truth.Values.Length} corners in '{DetectionTask.BoxesName}' for {classes.Length} boxes in "
                    + $"'{DetectionTask.LabelsName}'; each box has four.");
        if (task == ModelTask.MultiLabel && truth.Values is { } given
            && Array.FindIndex(given, value => value is not (0 or 1)) is >= 0 and var bad)
            throw new FormatException($"Array '{MultiLabelTask.LabelsName}' holds {given[bad]}; a label is there (1) or not (0).");
        if (task == ModelTask.Anomaly && Array.FindIndex(truth.Classes ?? [], value => value is not (0 or 1)) is >= 0 and var odd)
            throw new FormatException(
                $"Array '{AnomalyTask.LabelsName}' holds {truth.Classes![odd]}; a sample is an anomaly (1) or normal (0).");
        foreach (var (name, array) in arrays.Where(array => array.Key.StartsWith(TaskDefinition.ReferencePrefix, StringComparison.Ordinal)))
        {
            if (array.Shape is not [var first, ..] || first != samples)
                throw new FormatException(
                    $"Array '{name}' holds [{string.Join(',', array.Shape)}]; its first extent must be the {samples} samples.");
            references.Add(name[TaskDefinition.ReferencePrefix.Length..], array.ToSingles());
        }
        return truth;
    }

    private static void Require(LabelArray label, NpyArray array, int samples)
    {
        if (array.Shape is not [var first, ..] || first != samples || array.Shape.Count > label.Axes.Count)
            throw new FormatException(
                $"Array '{label.Name}' holds [{string.Join(',', array.Shape)}] for {samples} samples; its axes are "
                    + $"{string.Join(", ", label.Axes)}.");
        if (label.Type[0] == 'i' && array.Type[0] is not ('i' or 'u'))
            throw new FormatException($"Array '{label.Name}' holds {array.Type}; class numbers are integers.");
    }

    /// <summary>Some samples of what is kept.</summary>
    private sealed class Picked(IReferenceOutputs all, IReadOnlyList<int> samples) : IReferenceOutputs
    {
        public IReadOnlyCollection<string> Names => all.Names;

        public ReadOnlySpan<float> ValuesOf(string output, int sample) => all.ValuesOf(output, samples[sample]);
    }

    /// <summary>What a validation set keeps.</summary>
    private sealed class Arrays(int samples) : IReferenceOutputs
    {
        private readonly Dictionary<string, float[]> _values = [];

        public IReadOnlyCollection<string> Names => _values.Keys;

        public void Add(string output, float[] values) => _values[output] = values;

        public ReadOnlySpan<float> ValuesOf(string output, int sample)
            => _values.TryGetValue(output, out var values)
                ? values.AsSpan(sample * (values.Length / samples), values.Length / samples)
                : default;
    }
}
