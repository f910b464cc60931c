using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Techniques;

namespace Fleet.Quantization.Accuracy;

/// <summary>An operator, and how much of the output's error it makes.</summary>
/// <param name="Output">First output of the node.</param>
/// <param name="Gain">
/// Decibels that its error makes of the whole: by so much the signal to noise would rise without it. The errors of operators, each
/// measured in a model in which it alone is quantized, add up as powers.
/// </param>
internal sealed record RankedOperator(string Output, double Gain);

/// <summary>An operator that was returned to float.</summary>
/// <param name="Output">First output of the node.</param>
/// <param name="Gain">Decibels that its error made of the whole.</param>
/// <param name="Won">Its share, by its error, of what returning operators took off the drop.</param>
internal sealed record ReturnedOperator(string Output, double Gain, double Won);

/// <summary>A quantized model and what it took to keep it accurate.</summary>
/// <param name="Model">The model.</param>
/// <param name="Judged">What was found of it.</param>
/// <param name="Calibrator">The calibrator that chose its ranges.</param>
/// <param name="Requantize">Makes it again, with the same calibrator and techniques and these operators in float.</param>
internal sealed record ControlledModel(
    ModelProto Model, Judged Judged, ICalibrator Calibrator, Func<IReadOnlySet<string>, ModelProto> Requantize)
{
    /// <summary>Techniques that were applied, in order.</summary>
    public IReadOnlyList<ITechnique> Techniques { get; init; } = [];

    /// <summary>Decibels of signal to noise without and with the techniques, on the samples that rank; null where none was used.</summary>
    public (double Plain, double Improved)? SignalToNoise { get; init; }

    /// <summary>Operators that stayed float, the worst first.</summary>
    public IReadOnlyList<ReturnedOperator> Returned { get; init; } = [];

    /// <summary>
    /// Weights of operators that stayed float that have 8 bits in the file, by name, where the others have 16; null where all are as they
    /// were.
    /// </summary>
    public IReadOnlySet<string>? InBytes { get; init; }

    /// <summary>True when its techniques were applied roughly, by what they find once, whichever layers stay float.</summary>
    public bool IsRough { get; init; }

    /// <summary>True when no layers were returned to float, since rounding weights to 16 bits alone loses too much.</summary>
    public bool IsHopeless { get; init; }

    /// <summary>True when the time was up before everything was tried.</summary>
    public bool IsCutShort { get; init; }

    /// <summary>Every operator that was quantized at first, the costliest first; empty where the budget was met without ranking.</summary>
    public IReadOnlyList<RankedOperator> Ranking { get; init; } = [];
}
