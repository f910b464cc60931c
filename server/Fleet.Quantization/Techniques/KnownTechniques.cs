using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Techniques;

/// <summary>The techniques that schemes name.</summary>
internal static class KnownTechniques
{
    /// <summary>Scales of channels moved between layers.</summary>
    public static readonly ITechnique Equalization = new CrossLayerEqualization();

    /// <summary>Outlier channels of a transformer moved into its weights.</summary>
    public static readonly ITechnique Smoothing = new Smoothing("smoothing", migration: 0.5);

    /// <summary>The same, moving more into the weights, which lose little where they are rounded together.</summary>
    public static readonly ITechnique StrongerSmoothing = new Smoothing("stronger smoothing", migration: 0.8);

    /// <summary>Weights of a layer rounded so that their errors cancel.</summary>
    public static readonly ITechnique CompensatedRounding = new CompensatedRounding();

    /// <summary>Expected errors folded into biases.</summary>
    public static readonly ITechnique BiasCorrection = new BiasCorrection();

    /// <summary>Weights behind loud channels scaled up before they are rounded.</summary>
    public static readonly ITechnique ActivationAwareScaling = new ActivationAwareScaling();

    /// <summary>The technique of that name in reports.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static ITechnique Named(string name)
    {
        ITechnique[] all = [.. Enum.GetValues<Technique>().Select(Of)];
        return all.FirstOrDefault(technique => technique.Name == name) ?? throw new ArgumentException(
            $"Technique '{name}' is not known; it is one of {string.Join(", ", all.Select(technique => technique.Name))}.", nameof(name));
    }

    /// <summary>What carries out <paramref name="technique"/>.</summary>
    public static ITechnique Of(Technique technique) => technique switch
    {
        Technique.Equalization => Equalization,
        Technique.Smoothing => Smoothing,
        Technique.StrongerSmoothing => StrongerSmoothing,
        Technique.CompensatedRounding => CompensatedRounding,
        Technique.BiasCorrection => BiasCorrection,
        Technique.ActivationAwareScaling => ActivationAwareScaling,
        _ => throw new ArgumentOutOfRangeException(nameof(technique), technique, "There is no such technique."),
    };
}
