using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

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
    public IReadOnlyList<ITechnique> Steps { get; init; } = [];

    /// <summary>Decibels of signal to noise without and with the techniques, on the samples that rank; null where none was used.</summary>
    public (double Plain, double Improved)? SignalToNoise { get; init; }

    /// <summary>Operators that stayed float, the worst first.</summary>
    public IReadOnlyList<ReturnedOperator> Returned { get; init; } = [];

    /// <summary>Every operator that was quantized at first, the costliest first; empty where the budget was met without ranking.</summary>
    public IReadOnlyList<RankedOperator> Ranking { get; init; } = [];
}

/// <summary>
/// Keeps what a model loses within a budget. First whatever costs nothing at run time: the techniques of the scheme, each kept
/// where it makes the output cleaner, then the other calibrators. Then operators are returned to float worst first until
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
/// <param name="say">Told what it tries, in words for people.</param>
internal sealed class AccuracyControl(
    IQuantizationScheme scheme, QuantizationSource source, Func<InferenceSession, float[]> outputsOf, Action<string>? say = null)
{
    /// <summary>Most of the operators that may return to float; past it the scheme does not suit the model.</summary>
    private const double MaximumShare = 0.5;

    /// <summary>Up to so many operators are ranked one by one; of more, neighbours are ranked together first.</summary>
    private const int RankedSingly = 64;

    /// <summary>Groups of neighbours whose members are then ranked one by one.</summary>
    private const int GroupsOpened = 8;

    /// <summary>Decibels that a technique must win.</summary>
    private const double WorthAStep = 0.2;

    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    private readonly Lazy<float[]> _reference = new(() => OutputsOf(source.Model.Model, outputsOf, "the float model"));

    /// <summary>Quantizes with as many operators as the budget allows.</summary>
    /// <param name="maximumLoss">The budget.</param>
    /// <param name="aim">A smaller loss that is worth returning operators for; where it cannot be had, the budget is enough.</param>
    /// <param name="judge">Compares a model with the float model.</param>
    /// <param name="cancellationToken">Stops between models.</param>
    public ControlledModel Quantize(double maximumLoss, double aim, Func<ModelProto, Judged> judge, CancellationToken cancellationToken)
    {
        ControlledModel Made(Recipe recipe, ModelProto? ready, IReadOnlySet<string> keptFloat)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ModelProto Requantize(IReadOnlySet<string> kept) => scheme.Apply(Stepped(recipe, kept, cancellationToken), kept);
            var model = ready ?? Requantize(keptFloat);
            return new ControlledModel(
                model, judge(model), recipe.From.Calibrator, Requantize)
            { Steps = recipe.Steps, SignalToNoise = recipe.SignalToNoise };
        }

        var (recipe, cleanest) = Cleanest(cancellationToken);
        var best = Made(recipe, cleanest, None);
        void Try(string what, Recipe other)
        {
            if (best.Judged.Loss <= aim) return;
            // The cleanest output need not be the one that decides best; and other ranges may suit better.
            say?.Invoke(what);
            if (Made(other, null, None) is var attempt && attempt.Judged.Loss < best.Judged.Loss) (best, recipe) = (attempt, other);
        }
        if (recipe.Steps.Count > 0) Try("without techniques", new Recipe(source, [], null));
        if (scheme.CalibratedValues(source.Model.Graph).Count > 0)
        {
            var steps = recipe;
            foreach (var calibrator in Calibrators.All.Where(calibrator => calibrator != source.Calibrator))
                Try($"{calibrator.Name} calibration", steps with { From = source with { Calibrator = calibrator } });
        }
        if (best.Judged.Loss <= aim) return best;

        var ranking = Rank(recipe.From, cancellationToken);
        ControlledModel Returning(int count)
        {
            say?.Invoke($"{count} of {ranking.Count} layers in {scheme.Kept}");
            var first = ranking[..count];
            var attempt = Made(recipe, null, first.Select(ranked => ranked.Output).ToHashSet());
            var won = best.Judged.Loss - attempt.Judged.Loss;
            var all = first.Sum(ranked => ShareOf(ranked.Gain));
            return attempt with
            {
                Returned = [
                    .. first.Select(ranked =>
                        new ReturnedOperator(ranked.Output, ranked.Gain, all > 0 ? won * ShareOf(ranked.Gain) / all : 0)),
                ],
            };
        }
        var fewest = Fewest(best, (int)(ranking.Count * MaximumShare), aim, Returning);
        return (fewest.Judged.Loss > aim && best.Judged.Loss <= maximumLoss ? best : fewest) with { Ranking = ranking };
    }

    /// <summary>
    /// The model with the fewest operators returned that is within the budget, or the one that comes nearest. Counts are doubled
    /// until one is enough, then halved back: of hundreds of operators a dozen counts are tried.
    /// </summary>
    private static ControlledModel Fewest(ControlledModel none, int most, double maximumLoss, Func<int, ControlledModel> returning)
    {
        var (best, low, high) = (none, 0, 0);
        while (high == 0 && low < most)
        {
            var count = Math.Min(Math.Max(1, low * 2), most);
            var attempt = returning(count);
            if (attempt.Judged.Loss < best.Judged.Loss) best = attempt;
            if (attempt.Judged.Loss <= maximumLoss) high = count;
            else low = count;
        }
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            var attempt = returning(middle);
            if (attempt.Judged.Loss <= maximumLoss) (best, high) = (attempt, middle);
            else low = middle;
        }
        return best;
    }

    /// <summary>
    /// The scheme's techniques one after the other, each kept where it makes the output worthwhile cleaner, and the model they make.
    /// </summary>
    private (Recipe Recipe, ModelProto Model) Cleanest(CancellationToken cancellationToken)
    {
        var (best, made, stepped) = (new Recipe(source, [], null), scheme.Apply(source, None), source);
        ITechnique[] steps = [.. scheme.Helpers.Select(KnownTechniques.Of).Where(step => step.Suits(source.Model.Graph))];
        if (source.Samples is null || steps.Length == 0) return (best, made);
        var plain = SignalToNoiseOf(made);
        var cleanest = plain;
        foreach (var step in steps)
        {
            cancellationToken.ThrowIfCancellationRequested();
            say?.Invoke(step.Name);
            var further = step.Apply(stepped, scheme, None, cancellationToken);
            if (ReferenceEquals(further.Model, stepped.Model)) continue;
            var model = scheme.Apply(further, None);
            var signalToNoise = SignalToNoiseOf(model);
            if (!(signalToNoise > cleanest + WorthAStep)) continue;
            (best, made, stepped, cleanest) = (
                best with { Steps = [.. best.Steps, step], SignalToNoise = (plain, signalToNoise) }, model, further, signalToNoise);
        }
        return (best, made);
    }

    private QuantizationSource Stepped(Recipe recipe, IReadOnlySet<string> keptFloat, CancellationToken cancellationToken)
        => recipe.Steps.Aggregate(recipe.From, (stepped, step) => step.Apply(stepped, scheme, keptFloat, cancellationToken));

    /// <summary>The operators, the one that makes most of the error at the front.</summary>
    private List<RankedOperator> Rank(QuantizationSource from, CancellationToken cancellationToken)
    {
        var all = scheme.OperatorsOf(from.Model.Graph);
        var size = Math.Max(1, (all.Count + RankedSingly - 1) / RankedSingly);
        var groups = (all.Count + size - 1) / size;
        var (ranked, runs) = (0, size == 1 ? all.Count : groups + Math.Min(groups, GroupsOpened) * size);
        double NoiseOf(IReadOnlyCollection<string> alone)
        {
            cancellationToken.ThrowIfCancellationRequested();
            say?.Invoke($"ranking layers, {++ranked} of {runs}");
            return Math.Pow(10, -SignalToNoiseOf(scheme.Apply(from, all.Except(alone).ToHashSet())) / 10);
        }
        IEnumerable<(string Output, double Noise)> Singly(IEnumerable<string> outputs)
            => outputs.Select(output => (output, NoiseOf([output])));
        IEnumerable<(string Output, double Noise)> Grouped()
        {
            var noisiest = all.Chunk(size).Select(group => (Outputs: group, Noise: NoiseOf(group)))
                .OrderByDescending(group => group.Noise).ToArray();
            return [
                .. Singly(noisiest.Take(GroupsOpened).SelectMany(group => group.Outputs)),
                .. noisiest.Skip(GroupsOpened)
                    .SelectMany(group => group.Outputs.Select(output => (output, group.Noise / group.Outputs.Length))),
            ];
        }
        (string Output, double Noise)[] noise = [.. all.Count <= RankedSingly ? Singly(all) : Grouped()];
        var total = noise.Sum(one => one.Noise);
        return [
            .. noise.OrderByDescending(one => one.Noise)
                .Select(one => new RankedOperator(one.Output, total > 0 ? -10 * Math.Log10(Math.Max(1 - one.Noise / total, 1e-9)) : 0)),
        ];
    }

    private static double ShareOf(double gain) => 1 - Math.Pow(10, -gain / 10);

    private double SignalToNoiseOf(ModelProto model) => Judgement.SignalToNoise(OutputsOf(model, outputsOf, scheme.Name), _reference.Value);

    private static float[] OutputsOf(ModelProto model, Func<InferenceSession, float[]> outputsOf, string name)
    {
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), name);
        return outputsOf(session);
    }

    /// <summary>Where a model comes from, and what is done to it first.</summary>
    private sealed record Recipe(QuantizationSource From, IReadOnlyList<ITechnique> Steps, (double Plain, double Improved)? SignalToNoise);
}
