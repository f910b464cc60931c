using Fleet.Modeling.Onnx;

namespace Fleet.Modeling.Quantization;

/// <summary>What schemes make variants from: a prepared model and what its activations were seen to do.</summary>
/// <param name="Model">The float model.</param>
/// <param name="Histograms">Counts of activations by value name.</param>
/// <param name="Calibrator">How ranges are taken from them.</param>
internal sealed record QuantizationSource(PreparedModel Model, IReadOnlyDictionary<string, Histogram> Histograms, ICalibrator Calibrator)
{
    private readonly Dictionary<(ICalibrator, IntegerForm, string), ValueRange> _ranges = [];

    /// <summary>The ranges of <paramref name="values"/> for integers of <paramref name="form"/>; chosen once, then remembered.</summary>
    public IReadOnlyDictionary<string, ValueRange> RangesOf(IEnumerable<string> values, IntegerForm form)
        => values.Where(Histograms.ContainsKey).ToDictionary(value => value, value =>
            _ranges.TryGetValue((Calibrator, form, value), out var range) ? range : _ranges[(Calibrator, form, value)] = Calibrator.Choose(Histograms[value], form));
}
