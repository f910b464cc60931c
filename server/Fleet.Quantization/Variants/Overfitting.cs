using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Variants;

/// <summary>What was told of a variant on samples that had no part in its making.</summary>
/// <param name="Model">The variant: the one given, or a plainer one where that was better by nothing but its choice of samples.</param>
/// <param name="Judged">Its figures.</param>
/// <param name="Overfitted">True where the variant shipped looks better on the samples that chose it than their number explains.</param>
/// <param name="Reasons">What to say of it.</param>
internal sealed record ToldModel(ControlledModel Model, Judged Judged, bool Overfitted, IReadOnlyList<string> Reasons);

/// <summary>
/// Tells a variant's figures on the samples that report, and holds them against those of the samples that chose it. Where the two
/// contradict each other, the variant was fitted to its samples, and one made without choosing takes its place if it is as good.
/// </summary>
/// <param name="bench">What it is measured on.</param>
/// <param name="wanted">The variant.</param>
/// <param name="source">What it was made of.</param>
/// <param name="settings">What the runtime is told here.</param>
/// <param name="cancellationToken">Stops between runs of a model.</param>
internal sealed class Overfitting(
    Bench bench, Wanted wanted, QuantizationSource source, RuntimeSettings settings, CancellationToken cancellationToken)
{
    /// <summary>The figures of <paramref name="made"/>, or of the plainer one that takes its place.</summary>
    /// <param name="made">The variant.</param>
    /// <param name="returned">First outputs of operators that stay float because the runtime does not fuse them.</param>
    public ToldModel Told(ControlledModel made, IReadOnlyList<string> returned)
    {
        var told = Tell(made);
        if (!Contradicts(made.Judged, told))
            return new ToldModel(made, Reaching(told, made.Judged.Figure.Value), Overfitted: false, []);
        var contradiction = bench.DropOf(told) is { } drop
            ? $"On the samples that chose it {Lost(told, made.Judged.Loss - bench.Baseline.Selected.Loss)}, on others {Lost(told, drop)}"
            : $"On the samples that chose it {Shown(made.Judged)}, on others {Shown(told)}";
        if (made.Techniques.Count > 0 || made.Calibrator != source.Calibrator)
        {
            var plain = Plain(made, returned, wanted.Scheme, source,
                model => bench.Compare(model, wanted.Scheme.Name, settings, cancellationToken), bench.SelectionLimit, cancellationToken);
            var toldOfPlain = Tell(plain);
            if (toldOfPlain.Loss <= told.Loss)
                return new ToldModel(plain, toldOfPlain, Contradicts(plain.Judged, toldOfPlain),
                    [$"{contradiction}: the plain one, there {Shown(toldOfPlain)}, took its place by those others."]);
        }
        return new ToldModel(made, told, Overfitted: true, [$"{contradiction}: it is fitted to the samples that chose it."]);
    }

    /// <summary>
    /// The figures anew, on both parts of the samples, of what something was changed in that neither of them chose, such as its threshold.
    /// </summary>
    public ToldModel Again(ToldModel told, ModelProto changed)
    {
        var made = told.Model with { Model = changed, Judged = bench.Compare(changed, wanted.Scheme.Name, settings, cancellationToken) };
        var judged = Tell(made);
        return told with { Model = made, Judged = told.Overfitted ? judged : Reaching(judged, made.Judged.Figure.Value) };
    }

    /// <summary>
    /// The figures with an interval that reaches what the samples that chose say, where they say less: that is, if anything, too good.
    /// </summary>
    internal static Judged Reaching(Judged told, double chosen) => told with
    {
        Intervals = [
            .. told.Intervals.Select(interval => interval.Name != told.Figure.Name || !double.IsFinite(chosen) ? interval
                : told.Figure.Better == MetricDirection.Higher ? interval with { Low = Math.Min(interval.Low, chosen) }
                : interval with { High = Math.Max(interval.High, chosen) }),
        ],
    };

    /// <summary>
    /// True when the samples that chose tell more than those that report, by more than the scatter of both explains at a confidence of
    /// 95 %.
    /// </summary>
    internal static bool Contradicts(
        double chosen, double told, double low, double high, MetricDirection better, int choosing, int reporting, double least = 0)
    {
        var (gain, spread) = better == MetricDirection.Higher ? (chosen - told, high - told) : (told - chosen, told - low);
        // Both halves scatter, each by the root of its size.
        return gain > Math.Max(spread, least) * Math.Sqrt(1 + (double)reporting / Math.Max(1, choosing)) && gain > 0;
    }

    private bool Contradicts(Judged chosen, Judged told)
    {
        var split = bench.Baseline.Split;
        if (!split.IsHeldOut || told.Interval is not { } interval || !double.IsFinite(chosen.Figure.Value)) return false;
        // A share is known no better than that, however alike the samples are.
        var isShare = told.Figure.Unit == Units.Ratio;
        if (bench.DropOf(told) is not { } drop || bench.DropIntervalOf(told) is not { } lost)
            return Contradicts(chosen.Figure.Value, told.Figure.Value, interval.Low, interval.High, told.Figure.Better,
                split.Selection.Count, split.Report.Count, isShare ? bench.Baseline.RuleOfThree : 0);
        // Against labels the losses are compared: one half may be the harder for the float model too. Of what is no share, a difference
        // below the precision that was asked for means nothing.
        return Contradicts(chosen.Loss - bench.Baseline.Selected.Loss, drop, lost.Low, lost.High, MetricDirection.Lower,
            split.Selection.Count, split.Report.Count, isShare ? bench.Baseline.RuleOfThree : bench.AskedPrecision);
    }

    /// <summary>
    /// The same variant made without choosing between calibrators and techniques; what stays float takes fewer bytes where it may.
    /// </summary>
    internal static ControlledModel Plain(
        ControlledModel made, IReadOnlyList<string> returned, IQuantizationScheme scheme, QuantizationSource source,
        Func<ModelProto, Judged> judge, double limit, CancellationToken cancellationToken)
    {
        var model = scheme.Apply(source, made.Returned.Select(one => one.Output).Concat(returned).ToHashSet());
        return new SmallerKept(scheme, judge, cancellationToken).Of(
            made with
            {
                Model = model,
                Judged = judge(model),
                Calibrator = source.Calibrator,
                Techniques = [],
                SignalToNoise = null,
                InBytes = null,
                IsRough = false,
                Requantize = others => scheme.Apply(source, others),
            },
            limit);
    }

    private Judged Tell(ControlledModel made) => bench.Tell(made.Model, wanted.Scheme.Name, settings, cancellationToken);

    private static string Lost(Judged judged, double loss)
        => $"{Threshold.Lowered(judged.Figure.Title())} is {Units.Text(Math.Abs(loss), judged.Figure.Unit)} "
            + $"{(loss < 0 ? "better" : "worse")} than the float model's";

    private static string Shown(Judged judged)
        => $"{Threshold.Lowered(judged.Figure.Title())} is {Units.Text(Math.Round(judged.Figure.Value, 3), judged.Figure.Unit)}";
}
