namespace Fleet.Contracts.Builds;

/// <summary>
/// What a build is asked to do: data, teacher, student, distillation, quantization, gates; or a model of one's own to quantize. YAML for
/// people, JSON on the wire.
/// </summary>
public sealed record BuildSpec
{
    /// <summary>Model name the result gets a version of.</summary>
    public required string Model { get; init; }

    /// <summary>Seed of everything random: the same spec on the same machine gives the same student.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>
    /// How many seeds networks are trained with, 2 to 20: <see cref="Seed"/> and those that follow it, each as a build of that seed trains
    /// them, with cuts of its own where no file holds the test samples. The report has the figures of each and their interval; what is
    /// released is of the first, never of the best. Whether anything was learned is then judged by all. <c>student.minutes</c> are those of
    /// all together. Absent: the one.
    /// </summary>
    public int? Seeds { get; init; }

    /// <summary>Samples to learn from and to judge by.</summary>
    public DataSpec? Data { get; init; }

    /// <summary>The large reference model.</summary>
    public TeacherSpec? Teacher { get; init; }

    /// <summary>The small model.</summary>
    public StudentSpec? Student { get; init; }

    /// <summary>A model of one's own to quantize, instead of data, teacher and student.</summary>
    public SourceSpec? Source { get; init; }

    /// <summary>How the student learns from the teacher.</summary>
    public DistillationSpec Distillation { get; set; } = new();

    /// <summary>Which variants are made of the student.</summary>
    public QuantizationSpec Quantization { get; set; } = new();

    /// <summary>Variants that are trained on their grid beside those that are quantized afterwards; absent for none.</summary>
    public QuantizationAwareSpec? QuantizationAware { get; init; }

    /// <summary>What a device must measure before it serves a variant.</summary>
    public GateSpec Gate { get; set; } = new();
}
