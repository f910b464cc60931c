using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>What a loss is made from.</summary>
/// <param name="Spec">Its settings.</param>
/// <param name="Pairs">The features it will be given, with their shapes. The layout is the student's: a file does not say its
/// teacher's.</param>
/// <param name="Labels">Labels of all training samples.</param>
/// <param name="Seed">Seed of what it draws.</param>
internal sealed record LossSetup(LossSpec Spec, IReadOnlyList<(Feature Student, Feature Teacher)> Pairs, SampleLabels Labels, int Seed)
{
    /// <summary>Type of what it learns; tests compare in double precision.</summary>
    public ScalarType Type { get; init; } = ScalarType.Float32;

    /// <summary>Where it computes.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>A setting: as given, or as the loss's rule has it.</summary>
    public double Setting(string name)
        => OptionalSetting(name) ?? throw new InvalidOperationException($"Loss '{Spec.Loss}' has no default for '{name}'.");

    /// <summary>A setting that follows from the data when it is not given.</summary>
    public double? OptionalSetting(string name) => LossRule.Given(Spec)[name] ?? BuildSpecRules.Losses[Spec.Loss].Settings[name];

    /// <summary>A pair that cannot be compared.</summary>
    public BuildException Refuse(Feature student, Feature teacher, string because)
        => new($"distillation.losses: loss '{Spec.Loss}' cannot compare teacher '{teacher.Name}' ({string.Join(" x ", teacher.Shape)}) "
            + $"with student '{student.Name}' ({string.Join(" x ", student.Shape)}): {because}");
}
