namespace Fleet.Contracts.Builds;

/// <summary>The teacher: trained here, or given as an ONNX or a TorchScript file.</summary>
public sealed record TeacherSpec
{
    /// <summary>An ONNX file on the worker's machine whose first output is the logits.</summary>
    public string? Onnx { get; init; }

    /// <summary>
    /// A TorchScript file on the worker's machine (<c>torch.jit.save</c>) that answers with logits, or with a tuple or list whose
    /// first member they are; the others can be compared as <c>output1</c>, <c>output2</c>, ...
    /// </summary>
    public string? TorchScript { get; init; }

    /// <summary>Family to train here when no file is given, one of a student's.</summary>
    public string? Family { get; init; }

    /// <summary>Channels of the first stage.</summary>
    public int Width { get; set; } = 64;

    /// <summary>Stages of <c>mlp</c>, blocks of <c>encoder</c>; absent: two.</summary>
    public int? Depth { get; init; }

    /// <summary>How it is trained.</summary>
    public TrainingSpec Training { get; set; } = new();
}
