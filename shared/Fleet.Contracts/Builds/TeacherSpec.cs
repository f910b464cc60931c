using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>The teacher: trained here, or given as an ONNX or a TorchScript file.</summary>
public sealed record TeacherSpec
{
    /// <summary>The family of no teacher: the student learns from the labels alone. In YAML <c>teacher: none</c> says the same.</summary>
    public const string None = "none";

    /// <summary>The least width of a teacher whose family is <c>auto</c>.</summary>
    public const int SmallestFound = 16;

    /// <summary>An ONNX file on the worker's machine whose first output is the logits.</summary>
    public string? Onnx { get; init; }

    /// <summary>
    /// A TorchScript file on the worker's machine (<c>torch.jit.save</c>) that answers with logits, or with a tuple or list whose
    /// first member they are; the others can be compared as <c>output1</c>, <c>output2</c>, ...
    /// </summary>
    public string? TorchScript { get; init; }

    /// <summary>Files that answer as the one above does, and with it: the mean of what they say is what the teacher says.</summary>
    public IReadOnlyList<string>? Ensemble { get; init; }

    /// <summary>How a teacher that is given takes a sample, where it takes another form than the data has; absent: found out.</summary>
    public TeacherInput? Input { get; init; }

    /// <summary>
    /// Classes of a teacher that is given, in the order of its answers. Those of the data are picked among them by their names; absent: the
    /// data's own.
    /// </summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>
    /// What a teacher that is given answers with: <c>logits</c>, or <c>probabilities</c> behind a softmax, which become logits again;
    /// absent: logits.
    /// </summary>
    public string? Answers { get; init; }

    /// <summary>
    /// Family to train here when no file is given, one of a student's; <c>auto</c>, for a student of family <c>auto</c>: what the search
    /// found, at twice its width and at least at 16, or nobody for a linear one; or <c>none</c>.
    /// </summary>
    public string? Family { get; init; }

    /// <summary>True where nobody teaches.</summary>
    [JsonIgnore]
    public bool IsNone => Family == None;

    /// <summary>The family that is trained here; null of a file and of none.</summary>
    [JsonIgnore]
    public string? TrainedFamily => IsNone ? null : Family;

    /// <summary>Channels of the first stage.</summary>
    public int Width { get; set; } = 64;

    /// <summary>Stages of <c>mlp</c>, blocks of <c>encoder</c>; absent: two.</summary>
    public int? Depth { get; init; }

    /// <summary>
    /// Networks of the family that are trained here, each with a seed of its own, 1 to 16: the mean of what they say is what the teacher
    /// says (Allen-Zhu, Li, arXiv 2012.09816). Absent: three where one is trained within about 20 seconds, one otherwise.
    /// </summary>
    public int? Members { get; init; }

    /// <summary>
    /// Width of an assistant between teacher and student, of the student's family: it learns from the teacher, and the student from it
    /// (Mirzadeh et al., arXiv 1902.03393). <c>auto</c>: in the middle, where the teacher has four times the student's parameters or more,
    /// and only if samples that were held out say that it helps. Absent: nobody stands between.
    /// </summary>
    public StudentWidth? Assistant { get; init; }

    /// <summary>How it is trained.</summary>
    public TrainingSpec Training { get; set; } = new();
}
