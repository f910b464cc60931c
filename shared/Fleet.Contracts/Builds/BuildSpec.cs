using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>What a build is asked to do: data, teacher, student, distillation, quantization, gates. YAML for people, JSON on the wire.</summary>
public sealed record BuildSpec
{
    /// <summary>Model name the result gets a version of.</summary>
    public required string Model { get; init; }

    /// <summary>Seed of everything random: the same spec on the same machine gives the same student.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>Samples to learn from and to judge by.</summary>
    public required DataSpec Data { get; init; }

    /// <summary>The large reference model.</summary>
    public required TeacherSpec Teacher { get; init; }

    /// <summary>The small model.</summary>
    public required StudentSpec Student { get; init; }

    /// <summary>How the student learns from the teacher.</summary>
    public DistillationSpec Distillation { get; set; } = new();

    /// <summary>Which variants are made of the student.</summary>
    public QuantizationSpec Quantization { get; set; } = new();

    /// <summary>What a device must measure before it serves a variant.</summary>
    public GateSpec Gate { get; set; } = new();
}

/// <summary>A data set. Paths are on the worker's machine; the CLI makes them absolute against the spec file.</summary>
public sealed record DataSpec
{
    /// <summary><c>vibration</c> (generated), <c>npz</c>, <c>npy</c>, <c>idx</c> or <c>csv</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Training inputs: npz, npy, IDX or CSV file (gz is read as such).</summary>
    public string? Train { get; init; }

    /// <summary>Training labels, where they are a file of their own (npy, idx).</summary>
    public string? TrainLabels { get; init; }

    /// <summary>Test inputs; absent: cut from the training samples.</summary>
    public string? Test { get; init; }

    /// <summary>Test labels.</summary>
    public string? TestLabels { get; init; }

    /// <summary>CSV: name of the label column.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>Shape of one sample, without the batch; absent: as the file has it. Images are channels, height, width.</summary>
    public IReadOnlyList<int>? SampleShape { get; init; }

    /// <summary>Class names; absent: the label numbers.</summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>Samples to generate (vibration), or the most to read; 0 reads all.</summary>
    public int Samples { get; init; }

    /// <summary>Share of the training samples held out for model selection and calibration checks, 0 to 0.5.</summary>
    public double ValidationShare { get; set; } = 0.1;

    /// <summary>Share held out for the test scores when no test file is given, 0 to 0.5.</summary>
    public double TestShare { get; set; } = 0.2;
}

/// <summary>The teacher: trained here, or given as an ONNX file.</summary>
public sealed record TeacherSpec
{
    /// <summary>An ONNX file on the worker's machine whose first output is the logits.</summary>
    public string? Onnx { get; init; }

    /// <summary>Family to train here when no file is given: <c>conv1d</c> or <c>cnn</c>.</summary>
    public string? Family { get; init; }

    /// <summary>Channels of the first stage.</summary>
    public int Width { get; set; } = 64;

    /// <summary>How it is trained.</summary>
    public TrainingSpec Training { get; set; } = new();
}

/// <summary>The student.</summary>
public sealed record StudentSpec
{
    /// <summary><c>conv1d</c> or <c>cnn</c>.</summary>
    public required string Family { get; init; }

    /// <summary>Channels of the first stage.</summary>
    public int Width { get; set; } = 16;
}

/// <summary>A training run.</summary>
public sealed record TrainingSpec
{
    /// <summary>Passes over the training samples.</summary>
    public int Epochs { get; set; } = 10;

    /// <summary>Samples a step.</summary>
    public int BatchSize { get; set; } = 128;

    /// <summary>Peak learning rate; it warms up and then falls to zero along a cosine.</summary>
    public double LearningRate { get; set; } = 2e-3;

    /// <summary>Decoupled weight decay (AdamW).</summary>
    public double WeightDecay { get; set; } = 1e-2;

    /// <summary>Random shifts and flips (images), shifts and gains (signals) while training.</summary>
    public bool Augment { get; init; }
}

/// <summary>How the student learns: alpha T^2 KL(teacher || student) + (1 - alpha) CE (Hinton, Vinyals, Dean 2015), then labels alone.</summary>
public sealed record DistillationSpec
{
    /// <summary>Temperature T: larger shows the student more of what the teacher finds similar.</summary>
    public double Temperature { get; set; } = 4;

    /// <summary>Weight of the teacher against the labels, 0 to 1.</summary>
    public double Alpha { get; set; } = 0.7;

    /// <summary>The distillation run.</summary>
    public TrainingSpec Training { get; set; } = new();

    /// <summary>Epochs on the labels alone afterwards, at a tenth of the learning rate.</summary>
    public int FineTuneEpochs { get; set; } = 1;
}

/// <summary>Which variants are made.</summary>
public sealed record QuantizationSpec
{
    /// <summary>Profiles by name; each gets the schemes its numeric rules ask for.</summary>
    public IReadOnlyList<string> Profiles { get; set; } = ["x64", "arm-cpu", "jetson"];

    /// <summary>Training samples that calibrate the activation ranges; they are streamed, memory does not grow with them.</summary>
    public int CalibrationSamples { get; set; } = 512;

    /// <summary>How ranges are taken from the calibration samples: <c>minmax</c>, <c>percentile</c>, <c>mse</c> or <c>entropy</c>.</summary>
    public string Calibrator { get; set; } = "percentile";

    /// <summary>Largest drop of accuracy against the fp32 student, 0 to 1; a variant that drops more is rejected.</summary>
    public double MaximumDrop { get; set; } = 0.01;
}

/// <summary>The gates a release carries, relative to what the server measured.</summary>
public sealed record GateSpec
{
    /// <summary>A device must reach the expected accuracy less this, 0 to 1.</summary>
    public double AccuracyTolerance { get; set; } = 0.02;

    /// <summary>Largest p95 of one inference on the device; absent for none.</summary>
    public TimeSpan? MaximumLatencyP95 { get; init; }

    /// <summary>Largest memory of the validation process in bytes; absent for none.</summary>
    public long? MaximumMemoryBytes { get; init; }

    /// <summary>Samples of the test set that travel with the release as its validation set.</summary>
    public int ValidationSamples { get; set; } = 500;

    /// <summary>The gate of a variant the server measured as <paramref name="expected"/>.</summary>
    public ValidationGate For(Scores expected) => new()
    {
        MinimumAccuracy = expected.Accuracy is { } accuracy ? Math.Max(0, accuracy - AccuracyTolerance) : null,
        MaximumLatencyP95 = MaximumLatencyP95,
        MaximumMemoryBytes = MaximumMemoryBytes,
    };
}
