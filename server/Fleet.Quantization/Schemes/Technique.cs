namespace Fleet.Quantization.Schemes;

/// <summary>
/// Techniques that change the float model so that a scheme loses less of it. A scheme names those that may help it; how they work is their
/// own room's business.
/// </summary>
internal enum Technique
{
    /// <summary>Scales of channels moved between layers.</summary>
    Equalization,

    /// <summary>Outlier channels of a transformer moved into its weights.</summary>
    Smoothing,

    /// <summary>More of them.</summary>
    StrongerSmoothing,

    /// <summary>Weights of a layer rounded so that their errors cancel.</summary>
    CompensatedRounding,

    /// <summary>Expected errors folded into biases.</summary>
    BiasCorrection,

    /// <summary>Weights behind loud channels scaled up before they are rounded.</summary>
    ActivationAwareScaling,
}
