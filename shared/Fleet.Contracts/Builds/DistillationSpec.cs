namespace Fleet.Contracts.Builds;

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
