namespace Fleet.Contracts.Builds;

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
