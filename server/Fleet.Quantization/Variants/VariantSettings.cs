using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Variants;

/// <summary>Which variants are made, what they must hold to and what they are chosen by.</summary>
/// <param name="Profiles">Hardware profiles.</param>
/// <param name="Schemes">Schemes; empty tries for each profile all that suit it.</param>
/// <param name="Calibrator">How ranges are taken from the samples.</param>
internal sealed record VariantSettings(
    IReadOnlyList<HardwareProfile> Profiles, IReadOnlyList<IQuantizationScheme> Schemes, ICalibrator Calibrator)
{
    /// <summary>What the choice is made by.</summary>
    public QuantizationGoal Goal { get; init; } = QuantizationGoal.Latency;

    /// <summary>True where the variant to take is written in ONNX Runtime's own format as well.</summary>
    public bool InOrtFormat { get; init; }

    /// <summary>Operator set of the files; null for that of the model.</summary>
    public int? Opset { get; init; }

    /// <summary>Samples in a run while variants are judged; 1 judges them one by one.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Layers and operators that stay float.</summary>
    public IReadOnlyList<string> Keep { get; init; } = [];

    /// <summary>Layers and operators that alone are quantized; empty for all.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>How much is tried.</summary>
    public Effort Effort { get; init; } = Effort.Balanced;

    /// <summary>Weights of so many bits on average as are asked for, tried where no schemes are named; null where none are.</summary>
    public IQuantizationScheme? Mixed { get; init; }

    /// <summary>
    /// Largest loss of the metric that decides, where there are labels, as <see cref="QuantizationSpec.MaximumDrop"/> counts.
    /// </summary>
    public double MaximumDrop { get; init; } = 0.01;

    /// <summary>Smallest signal to noise in decibels, where there are none.</summary>
    public double MinimumSignalToNoise { get; init; } = QuantizationSpec.DefaultSignalToNoise;

    /// <summary>Smallest agreement of a detector's boxes with the float model's, where there are no labels.</summary>
    public double MinimumBoxAgreement { get; init; } = QuantizationSpec.DefaultBoxAgreement;

    /// <summary>Networks that were trained on their grid, by the profile each is for; tried beside the schemes.</summary>
    public IReadOnlyList<(string Profile, IQuantizationScheme Scheme)> Trained { get; init; } = [];

    /// <summary>What every variant must keep within, beside the budget of its profile.</summary>
    public ProfileBudget Budget { get; init; } = new();

    /// <summary>The settings that a request asks for.</summary>
    /// <exception cref="InvalidDataException">It names an unknown profile.</exception>
    /// <exception cref="ArgumentException">It names an unknown scheme, goal, effort or calibrator.</exception>
    public static VariantSettings Of(QuantizationRequest request)
        => Of(request.Quantization, [.. request.Quantization.Profiles.Select(name => ProfileNamed(name, request.Quantization))],
            request.Budget);

    /// <summary>The settings that a spec asks for.</summary>
    /// <exception cref="ArgumentException">It names an unknown scheme, goal, effort or calibrator.</exception>
    public static VariantSettings Of(QuantizationSpec spec, IReadOnlyList<HardwareProfile> profiles, ProfileBudget? budget = null) => new(
        profiles,
        spec.Schemes is null or [QuantizationSpec.Auto] ? [] : [.. spec.Schemes.Distinct().Select(name => Named(name, spec))],
        Calibrators.Named(spec.Calibrator))
    {
        Mixed = spec.AverageBits is null && spec.Bits is null ? null : MixedOf(spec),
        Goal = GoalNamed(spec.Goal ?? BuildSpecRules.Goals[0]),
        InOrtFormat = spec.Format == OrtFormat.Name,
        Opset = spec.Opset,
        Batch = spec.Batch ?? 1,
        Keep = spec.Keep ?? [],
        Only = spec.Only ?? [],
        Effort = Effort.Named(spec.Effort),
        MaximumDrop = spec.MaximumDrop,
        MinimumBoxAgreement = spec.MinimumBoxAgreement ?? QuantizationSpec.DefaultBoxAgreement,
        MinimumSignalToNoise = spec.MinimumSignalToNoise ?? QuantizationSpec.DefaultSignalToNoise,
        Budget = budget ?? new ProfileBudget(),
    };

    private static IQuantizationScheme Named(string name, QuantizationSpec spec)
        => QuantizationSchemes.Named(name) is var scheme && scheme == QuantizationSchemes.Mixed ? MixedOf(spec) : scheme;

    private static IQuantizationScheme MixedOf(QuantizationSpec spec)
        => QuantizationSchemes.MixedOf(spec.AverageBits ?? QuantizationSpec.DefaultAverageBits, spec.Bits);

    private static HardwareProfile ProfileNamed(string name, QuantizationSpec spec) => spec.Find(name)
        ?? throw new InvalidDataException(
            $"Profile '{name}' is not known; it is one of {BuiltInProfiles.Names}, or one that the request holds.");

    private static QuantizationGoal GoalNamed(string name) => BuildSpecRules.Goals.Contains(name)
        ? Enum.Parse<QuantizationGoal>(name, ignoreCase: true)
        : throw new ArgumentException($"Goal '{name}' is not known; it is one of {string.Join(", ", BuildSpecRules.Goals)}.", nameof(name));
}
