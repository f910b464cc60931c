using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>What a loss reads.</summary>
/// <param name="NeedsPairs">True when it compares features: it must be told which.</param>
/// <param name="NeedsClasses">True when it reads outputs as logits of classes, or labels as classes: it is for classification
/// alone.</param>
/// <param name="Settings">Its settings with what they are when absent; null: it follows from the data.</param>
public sealed record LossRule(bool NeedsPairs, bool NeedsClasses, IReadOnlyDictionary<string, double?> Settings)
{
    /// <summary>True when it reads logits of labels as well, of which a sample has several.</summary>
    public bool TakesLabels { get; init; }

    /// <summary>True where it has a meaning for a task.</summary>
    public bool IsFor(ModelTask task)
        => !NeedsClasses || task == ModelTask.Classification || (TakesLabels && task == ModelTask.MultiLabel);

    internal static LossRule OfLogits(params (string, double?)[] settings) => new(false, true, settings.ToDictionary());

    internal static LossRule OfOutputs() => new(false, false, new Dictionary<string, double?>());

    internal static LossRule OfFeatures(params (string, double?)[] settings) => new(true, false, settings.ToDictionary());

    /// <summary>What was given for each setting of a loss, by its key.</summary>
    public static IReadOnlyDictionary<string, double?> Given(LossSpec spec) => new Dictionary<string, double?>
    {
        ["temperature"] = spec.Temperature,
        ["alpha"] = spec.Alpha,
        ["beta"] = spec.Beta,
        ["gamma"] = spec.Gamma,
        ["distance"] = spec.Distance,
        ["angle"] = spec.Angle,
        ["heads"] = spec.Heads,
        ["negatives"] = spec.Negatives,
    };
}
