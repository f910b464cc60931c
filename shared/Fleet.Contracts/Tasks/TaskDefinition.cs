namespace Fleet.Contracts.Tasks;

/// <summary>
/// All that depends on what a model does: the form of its labels, its metrics, the one that gates, what telemetry tallies, and
/// its words for people. Adding a task adds one of these.
/// </summary>
public abstract class TaskDefinition
{
    /// <summary>What stands before the name of an output whose values, as the float model gave them, travel in a validation set.</summary>
    public const string ReferencePrefix = "reference.";

    private static readonly TaskDefinition[] Definitions =
        [
            new ClassificationTask(), new MultiLabelTask(), new RegressionTask(), new DetectionTask(), new AnomalyTask(),
            new EmbeddingTask(), new GenerationTask(), new OutputsTask(),
        ];

    private protected TaskDefinition()
    {
    }

    /// <summary>The definition of a task.</summary>
    public static TaskDefinition Of(ModelTask task) => Array.Find(Definitions, definition => definition.Task == task)
        ?? throw new ArgumentOutOfRangeException(nameof(task), task, "There is no such task.");

    /// <summary>The task.</summary>
    public abstract ModelTask Task { get; }

    /// <summary>The task in a word, for tables and sentences.</summary>
    public abstract string Title { get; }

    /// <summary>Arrays that hold the labels, in data sets and validation sets alike; none where the task has no labels.</summary>
    public abstract IReadOnlyList<LabelArray> Labels { get; }

    /// <summary>What is measured against labels; the first one gates.</summary>
    public abstract IReadOnlyList<Metric> LabelMetrics { get; }

    /// <summary>What is measured against the float model's outputs; the first one gates where there are no labels.</summary>
    public abstract IReadOnlyList<Metric> ReferenceMetrics { get; }

    /// <summary>What telemetry counts of the outputs while the model serves.</summary>
    public abstract OutputTally Tally { get; }

    /// <summary>The protocol a device must speak to judge and serve models of this task.</summary>
    public virtual int MinimumProtocol => 2;

    /// <summary>The metric that decides whether a variant is good enough.</summary>
    /// <param name="labelled">True when there are labels to measure it against.</param>
    public Metric GateMetric(bool labelled) => labelled && LabelMetrics.Count > 0 ? LabelMetrics[0] : ReferenceMetrics[0];
}

/// <summary>One array of labels in an npz.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type as npy names it; wider ones of the same kind are read too.</param>
/// <param name="Axes">What its axes are; the first is the samples.</param>
/// <param name="Meaning">One sentence for people.</param>
public sealed record LabelArray(string Name, string Type, IReadOnlyList<string> Axes, string Meaning);

/// <summary>What is counted of a model's outputs while it serves.</summary>
public enum OutputTally
{
    /// <summary>Only requests and their time.</summary>
    None,
    /// <summary>How often each class was decided, and how sure the model was.</summary>
    Classes,
    /// <summary>Mean, deviation and range of each predicted value.</summary>
    Values,
    /// <summary>How many boxes there were, and how large.</summary>
    Boxes,
}
