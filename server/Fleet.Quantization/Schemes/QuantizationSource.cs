using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Schemes;

/// <summary>What schemes make variants from: a prepared model and what its activations were seen to do.</summary>
/// <param name="Model">The float model.</param>
/// <param name="Histograms">Counts of activations by value name.</param>
/// <param name="Calibrator">How ranges are taken from them.</param>
internal sealed record QuantizationSource(PreparedModel Model, IReadOnlyDictionary<string, Histogram> Histograms, ICalibrator Calibrator)
{
    private readonly Dictionary<(ICalibrator, IntegerForm, string), ValueRange> _ranges = [];
    private readonly ConditionalWeakTable<PreparedModel, Dictionary<object, object>> _made = [];

    /// <summary>The samples behind the histograms, for techniques that must look at the model again; null when there are none.</summary>
    public IFeedSource? Samples { get; init; }

    /// <summary>Most of them that a technique looks at, where fewer tell it enough: means and what goes together, not extremes.</summary>
    public int TechniqueSamples { get; init; } = int.MaxValue;

    /// <summary>Stops between runs of the model.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Operators that stay float because somebody asked for that, by first output; nothing may make these smaller.</summary>
    public IReadOnlySet<string> Held { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Branches that no sample reaches, which judge nothing.</summary>
    public IReadOnlyList<UnreachedBranch> Unreached { get; init; } = [];

    /// <summary>The model before a technique rounded any of its weights: what its layers say is what is wanted.</summary>
    public PreparedModel Unrounded { get => field ?? Model; init; }

    /// <summary>
    /// Scales of the channels of weights that lie on a grid already, by the first output of their operator: of what a technique rounded.
    /// </summary>
    public IReadOnlyDictionary<string, float[]> WeightScales { get; init; } = FrozenDictionary<string, float[]>.Empty;

    /// <summary>Samples in one run.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>Every scheme that is tried: activations are counted for all of them at once. Empty where there is one.</summary>
    public IReadOnlyList<IQuantizationScheme> Schemes { get; init; } = [];

    /// <summary>The ranges of <paramref name="values"/> for integers of <paramref name="form"/>; chosen once, then remembered.</summary>
    public IReadOnlyDictionary<string, ValueRange> RangesOf(IEnumerable<string> values, IntegerForm form)
        => values.Where(Histograms.ContainsKey).ToDictionary(value => value, value =>
            _ranges.TryGetValue((Calibrator, form, value), out var range)
                ? range
                : _ranges[(Calibrator, form, value)] = Calibrator.Choose(Histograms[value], form));

    /// <summary>
    /// What <paramref name="key"/> stands for of this model: made once, then remembered, however many models are made with some of the
    /// operators kept float.
    /// </summary>
    public T Once<T>(object key, Func<QuantizationSource, T> make) where T : class
    {
        var made = _made.GetOrCreateValue(Model);
        return (T)(made.TryGetValue(key, out var known) ? known : made[key] = make(this));
    }

    /// <summary>
    /// The same with a changed model, where the change depends on model and samples alone: it is made once for all schemes, calibrators and
    /// layers that stay float. This where nothing changed.
    /// </summary>
    public QuantizationSource ChangedOnce(object what, Func<QuantizationSource> change)
    {
        var changed = Once(what, _ =>
        {
            var made = change();
            MappedWeights.Add(made.Model.Model);
            return made;
        });
        return ReferenceEquals(changed.Model, Model) ? this : changed with { Calibrator = Calibrator, Cancellation = Cancellation };
    }

    /// <summary>The same with another float model, whose activations are counted anew as <paramref name="scheme"/> needs them.</summary>
    /// <param name="model">The other model.</param>
    /// <param name="scheme">What will quantize it.</param>
    /// <param name="cancellationToken">Stops between runs of the model.</param>
    /// <param name="changed">Values that are others in it; all of them when left out.</param>
    public QuantizationSource Recalibrated(
        PreparedModel model, IQuantizationScheme scheme, CancellationToken cancellationToken, IReadOnlySet<string>? changed = null)
    {
        var samples = Samples ?? throw new InvalidOperationException("There are no samples to calibrate with.");
        string[] values = [.. Schemes.Append(scheme).SelectMany(one => one.CalibratedValues(model.Graph)).Distinct()];
        var kept = values.Where(value => changed?.Contains(value) == false && Histograms.ContainsKey(value))
            .ToDictionary(value => value, value => Histograms[value]);
        var counted = CalibrationRun.Count(
            model.Model, [.. values.Where(value => !kept.ContainsKey(value))], samples, BatchSize, cancellationToken);
        return new(model, kept.Concat(counted).ToDictionary(), Calibrator)
        {
            Samples = samples,
            BatchSize = BatchSize,
            TechniqueSamples = TechniqueSamples,
            Schemes = Schemes,
            Cancellation = Cancellation,
        };
    }

    /// <summary>The same with another float model of which the activations are alike.</summary>
    public QuantizationSource WithModel(PreparedModel model) => this with { Model = model };
}
