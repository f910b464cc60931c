using System.Globalization;
using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Quantization;

/// <summary>An operator, and how much of the output's error it makes.</summary>
/// <param name="Operator">Name of the node.</param>
/// <param name="Alone">Decibels of signal to noise against the float model when nothing but this operator is quantized.</param>
internal sealed record RankedOperator(string Operator, double Alone);

/// <summary>A quantized model and what it took to keep it accurate.</summary>
/// <param name="Model">The model.</param>
/// <param name="Drop">Accuracy lost against the float model; negative when it gained.</param>
/// <param name="Calibrator">The calibrator that chose its ranges.</param>
internal sealed record ControlledModel(ModelProto Model, double Drop, ICalibrator Calibrator)
{
    /// <summary>Most operators named in a sentence.</summary>
    private const int Named = 5;

    /// <summary>Techniques that were applied, in order.</summary>
    public IReadOnlyList<IQuantizationStep> Steps { get; init; } = [];

    /// <summary>Decibels of signal to noise before and with the techniques, on the samples that rank; null when none was tried.</summary>
    public (double Plain, double Improved)? SignalToNoise { get; init; }

    /// <summary>Operators that stayed float, the worst first.</summary>
    public IReadOnlyList<RankedOperator> Returned { get; init; } = [];

    /// <summary>The operators that make most of the error, the worst first, where the budget made it necessary to look.</summary>
    public IReadOnlyList<RankedOperator> Culprits { get; init; } = [];

    /// <summary>All this in sentences.</summary>
    public IEnumerable<string> Remarks(ICalibrator asked)
    {
        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
        static string List(IReadOnlyList<RankedOperator> operators) => string.Join(", ", operators.Take(Named).Select(one => Text($"{one.Operator} ({one.Alone:0.0} dB alone)")))
            + (operators.Count > Named ? Text($" and {operators.Count - Named} more") : "");
        if (Calibrator != asked) yield return $"Calibrated with {Calibrator.Name}, which keeps more accuracy than {asked.Name}.";
        if (Steps.Count > 0 && SignalToNoise is var (plain, improved)) yield return Text($"Improved by {string.Join(" and ", Steps.Select(step => step.Name))}: {plain:0.0} to {improved:0.0} dB.");
        if (Returned.Count > 0) yield return $"Kept in float for accuracy: {List(Returned)}.";
        else if (Culprits.Count > 0) yield return $"Most of the error comes from {List(Culprits)}.";
    }
}

/// <summary>
/// Keeps the accuracy drop within a budget. First whatever costs nothing at run time: the techniques of the scheme, of which the
/// combination with the cleanest output is kept, then the other calibrators. Then operators are returned to float worst first until
/// the drop is small enough (after NNCF's quantization with accuracy control). The ranking needs no labels; the drop is judged by
/// the caller.
/// <para>
/// An operator is ranked by the error of a model in which it alone is quantized. Returning one operator of a quantized model tells
/// less: two neighbours share the rounded value between them, and while either is an integer operator the error stays.
/// </para>
/// </summary>
/// <param name="scheme">Makes the model.</param>
/// <param name="source">The float model, its histograms and samples.</param>
/// <param name="outputsOf">What a model says of the samples that rank.</param>
internal sealed class AccuracyControl(IQuantizationScheme scheme, QuantizationSource source, Func<InferenceSession, float[]> outputsOf)
{
    /// <summary>Share of the operators that may return to float; past it the scheme does not suit the model.</summary>
    private const double MaximumShare = 0.5;

    /// <summary>Up to so many operators are ranked one by one; of more, neighbours are ranked together first.</summary>
    private const int RankedSingly = 64;

    /// <summary>Groups of neighbours whose members are then ranked one by one.</summary>
    private const int GroupsOpened = 8;

    /// <summary>Decibels that a combination of techniques must win over a shorter one.</summary>
    private const double WorthAStep = 0.2;

    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    private readonly Lazy<float[]> _reference = new(() => OutputsOf(source.Model.Model, outputsOf, "the float model"));

    /// <summary>Quantizes with as many operators as the budget allows.</summary>
    /// <param name="maximumDrop">The budget.</param>
    /// <param name="dropOf">Measures the drop of a model.</param>
    /// <param name="cancellationToken">Stops between models.</param>
    public ControlledModel Quantize(double maximumDrop, Func<ModelProto, double> dropOf, CancellationToken cancellationToken)
    {
        ControlledModel Judged(ModelProto model, QuantizationSource from)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new ControlledModel(model, dropOf(model), from.Calibrator);
        }

        var recipe = Improved(source, None, cancellationToken);
        var best = Judged(recipe.Model, source) with { Steps = recipe.Steps, SignalToNoise = recipe.SignalToNoise };
        if (best.Drop <= maximumDrop) return best;
        if (recipe.Steps.Count > 0 && Judged(scheme.Apply(source, None), source) is var plain && plain.Drop < best.Drop) best = plain;
        if (best.Drop <= maximumDrop) return best;
        if (scheme.CalibratedValues(source.Model.Graph).Count > 0)
        {
            foreach (var calibrator in Calibrators.All.Where(calibrator => calibrator != source.Calibrator))
            {
                var other = source with { Calibrator = calibrator };
                var model = scheme.Apply(Stepped(other, best.Steps, None, cancellationToken), None);
                var attempt = Judged(model, other) with { Steps = best.Steps, SignalToNoise = (recipe.SignalToNoise?.Plain ?? 0, SignalToNoiseOf(model)) };
                if (attempt.Drop < best.Drop) best = attempt;
                if (best.Drop <= maximumDrop) return best;
            }
        }

        var chosen = source with { Calibrator = best.Calibrator };
        var ranking = Rank(chosen, cancellationToken);
        var culprits = ranking.Select(ranked => new RankedOperator(source.Model.Graph.ProducerOf(ranked.Output)!.Title(), ranked.Alone)).ToArray();
        best = best with { Culprits = culprits };
        ControlledModel Returning(int count)
        {
            var kept = ranking.Take(count).Select(ranked => ranked.Output).ToHashSet();
            return Judged(scheme.Apply(Stepped(chosen, best.Steps, kept, cancellationToken), kept), chosen) with { Steps = best.Steps, SignalToNoise = best.SignalToNoise, Culprits = culprits, Returned = culprits[..count] };
        }
        return Fewest(best, (int)Math.Ceiling(ranking.Count * MaximumShare), maximumDrop, Returning);
    }

    /// <summary>
    /// The model with the fewest operators returned that is within the budget, or the one that comes nearest. Counts are doubled
    /// until one is enough, then halved back: of hundreds of operators a dozen counts are tried.
    /// </summary>
    private static ControlledModel Fewest(ControlledModel none, int most, double maximumDrop, Func<int, ControlledModel> returning)
    {
        var (best, low, high) = (none, 0, 0);
        for (var count = 1; most > 0 && high == 0; count = Math.Min(count * 2, most))
        {
            var attempt = returning(count);
            if (attempt.Drop < best.Drop || attempt.Drop <= maximumDrop) best = attempt;
            if (attempt.Drop <= maximumDrop) high = count;
            else low = count;
            if (count == most) break;
        }
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            var attempt = returning(middle);
            if (attempt.Drop <= maximumDrop) (best, high) = (attempt, middle);
            else low = middle;
        }
        return best;
    }

    /// <summary>The combination of the scheme's techniques with the cleanest output; a longer one must be worth it.</summary>
    private (ModelProto Model, IReadOnlyList<IQuantizationStep> Steps, (double Plain, double Improved)? SignalToNoise) Improved(QuantizationSource from, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
    {
        var model = scheme.Apply(from, keptFloat);
        if (from.Samples is null || scheme.Steps.Count == 0) return (model, [], null);
        var plain = SignalToNoiseOf(model);
        (ModelProto Model, IReadOnlyList<IQuantizationStep> Steps, double SignalToNoise) best = (model, [], plain);
        // Every subset, in the order of the list: techniques help or spoil one another.
        for (var subset = 1; subset < 1 << scheme.Steps.Count; subset++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            IQuantizationStep[] steps = [.. scheme.Steps.Where((_, i) => (subset >> i & 1) == 1)];
            var improved = Stepped(from, steps, keptFloat, cancellationToken);
            if (ReferenceEquals(improved.Model, from.Model)) continue;
            var attempt = scheme.Apply(improved, keptFloat);
            var signalToNoise = SignalToNoiseOf(attempt);
            if (signalToNoise > best.SignalToNoise + WorthAStep) best = (attempt, steps, signalToNoise);
        }
        return (best.Model, best.Steps, (plain, best.SignalToNoise));
    }

    private QuantizationSource Stepped(QuantizationSource from, IReadOnlyList<IQuantizationStep> steps, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => steps.Aggregate(from, (stepped, step) => step.Apply(stepped, scheme, keptFloat, cancellationToken));

    /// <summary>The operators by first output, the one that makes most of the error at the front.</summary>
    private List<(string Output, double Alone)> Rank(QuantizationSource from, CancellationToken cancellationToken)
    {
        var all = scheme.OperatorsOf(from.Model.Graph);
        double Alone(IReadOnlyCollection<string> quantized)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return SignalToNoiseOf(scheme.Apply(from, all.Except(quantized).ToHashSet()));
        }
        IEnumerable<(string, double)> Singly(IEnumerable<string> outputs) => outputs.Select(output => (output, Alone([output])));
        if (all.Count <= RankedSingly) return [.. Singly(all).OrderBy(pair => pair.Item2)];

        var groups = all.Chunk((all.Count + RankedSingly - 1) / RankedSingly).Select(group => (Outputs: group, Alone: Alone(group))).OrderBy(group => group.Alone).ToArray();
        return [.. Singly(groups.Take(GroupsOpened).SelectMany(group => group.Outputs)).OrderBy(pair => pair.Item2),
            .. groups.Skip(GroupsOpened).SelectMany(group => group.Outputs.Select(output => (output, group.Alone)))];
    }

    private double SignalToNoiseOf(ModelProto model) => Judgement.SignalToNoise(OutputsOf(model, outputsOf, scheme.Name), _reference.Value);

    private static float[] OutputsOf(ModelProto model, Func<InferenceSession, float[]> outputsOf, string name)
    {
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), name);
        return outputsOf(session);
    }
}
