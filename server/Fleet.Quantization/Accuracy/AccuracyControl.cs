using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Writing;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Accuracy;

/// <summary>
/// Keeps what a model loses within a budget. First whatever costs nothing at run time: the techniques of the scheme, each kept
/// where it makes the output cleaner, then the other calibrators. Then operators are returned to float worst first until
/// the drop is small enough (after NNCF's quantization with accuracy control). The ranking needs no labels; the drop is judged by
/// the caller.
/// </summary>
/// <param name="scheme">Makes the model.</param>
/// <param name="source">The float model, its histograms and samples; its token ends what is being tried when the time is up.</param>
/// <param name="outputsOf">What a model says of the samples that rank.</param>
/// <param name="say">Told what it tries, in words for people.</param>
internal sealed class AccuracyControl(
    IQuantizationScheme scheme, QuantizationSource source, Func<InferenceSession, float[]> outputsOf, Action<string>? say = null)
{
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    private readonly RankingSamples _samples = new(source, outputsOf);

    /// <summary>The samples that rank, for what runs parts of the model alone; null where whole models are run.</summary>
    public IFeedSource? Feeds { get; init; }

    /// <summary>Calibrators that are tried beside that of the source where it misses the aim.</summary>
    public IReadOnlyList<ICalibrator> OtherCalibrators { get; init; } = Calibrators.All;

    /// <summary>When it takes the best so far.</summary>
    public Deadline Deadline { get; init; } = Deadline.None;

    /// <summary>How finely operators are ranked where some must stay float.</summary>
    public RankingDetail Detail { get; init; } = RankingDetail.Full;

    /// <summary>True where a technique that won nothing is tried once more beside those that came after it.</summary>
    public bool TriesTogether { get; init; } = true;

    /// <summary>True where what is found is made once more, with what techniques find of the layers that remain.</summary>
    public bool MakesExactly { get; init; } = true;

    /// <summary>
    /// Bytes that a file may have: no technique, some of which add operators, takes one beyond it that is within. Null for any number.
    /// </summary>
    public long? MostBytes { get; init; }

    /// <summary>
    /// What rounding weights to 16 bits loses by itself, on the samples that choose and whether on others it is too much; asked where a
    /// model misses what is wanted. Operators that return to float win nothing beyond it.
    /// </summary>
    public Func<LeastLoss>? Least { get; init; }

    /// <summary>Asked where operators would be ranked that are not returned, only so that it can be said which cost most.</summary>
    public Func<bool> Explains { get; init; } = () => true;

    /// <summary>Quantizes with as many operators as the budget allows.</summary>
    /// <param name="maximumLoss">The budget.</param>
    /// <param name="aim">A smaller loss that is worth returning operators for; where it cannot be had, the budget is enough.</param>
    /// <param name="judge">Compares a model with the float model.</param>
    /// <param name="cancellationToken">Stops between models.</param>
    public ControlledModel Quantize(double maximumLoss, double aim, Func<ModelProto, Judged> judge, CancellationToken cancellationToken)
    {
        var plain = new Recipe(source, [], null);
        RecipeSearch Of(Recipe recipe, ModelProto made) => new(scheme, recipe, made, judge, cancellationToken);
        var suits = scheme.RoundsAs is { } alike ? source.Once((nameof(Suitable), alike), _ => new Suitable()) : new Suitable();
        var again = Again(plain, suits, cancellationToken);
        var (recipe, made) = again ?? (plain, scheme.Apply(source, None));
        var search = Of(recipe, made);
        // Where nothing helps, nothing is tried.
        if (search.Best.Judged.Loss > maximumLoss && Least?.Invoke().IsMoreThan(maximumLoss) == true)
            return Hopeless(search.Best, source, cancellationToken);
        var without = again is null ? search : null;
        if (again is null)
        {
            (recipe, made) = Cleanest(plain, made, cancellationToken);
            if (!Deadline.HasPassed) suits.Techniques = recipe.Techniques;
            if (recipe.Techniques.Count > 0) search = Of(recipe, made);
        }
        // The cleanest output need not be the one that decides best.
        if (recipe != plain && search.Best.Judged.Loss > aim) search.Take(without ?? Of(plain, scheme.Apply(source, None)));
        var found = Found(search, recipe, suits, maximumLoss, aim, cancellationToken);
        return MakesExactly && !found.IsHopeless && !Deadline.HasPassed ? Exactly(found, search, cancellationToken) : found;
    }

    /// <summary>What techniques made of a scheme that rounds alike, made of this one; null where none is known, or time was up.</summary>
    private (Recipe Recipe, ModelProto Made)? Again(Recipe plain, Suitable suits, CancellationToken cancellationToken)
    {
        if (suits.Techniques is not { Count: > 0 } techniques) return null;
        var known = plain with { Techniques = [.. Helpers().Where(techniques.Contains)] };
        return Deadline.Within(() => known.Make(scheme, None, source.Cancellation, roughly: true), cancellationToken) is { } made
            && !IsTooLarge(made) ? (known, made) : null;
    }

    /// <summary>
    /// The same with what techniques find of the layers that remain alone, and how they add up, which is too much for each model that is
    /// tried; the one given where that is no better.
    /// </summary>
    private ControlledModel Exactly(ControlledModel found, RecipeSearch search, CancellationToken cancellationToken)
    {
        var recipe = search.Recipe with
        {
            Techniques = [.. Helpers().Where(technique => technique.FindsMoreExactly || found.Techniques.Contains(technique))],
        };
        if (!recipe.Techniques.Any(technique => technique.SeesOthers)) return found;
        say?.Invoke("what was found, made exactly");
        var returned = found.Returned.Select(one => one.Output).ToHashSet();
        if (Deadline.Within(() => search.Exactly(recipe, returned), cancellationToken) is not { } exact
            || !IsBetter(exact.Judged, found.Judged) || (IsTooLarge(exact.Model) && !IsTooLarge(found.Model)))
            return found;
        var plain = _samples.SignalToNoiseOf(scheme.Apply(recipe.From, returned), scheme.Name);
        return exact with
        {
            Returned = found.Returned,
            Ranking = found.Ranking,
            IsCutShort = found.IsCutShort,
            SignalToNoise = (plain, _samples.SignalToNoiseOf(exact.Model, scheme.Name)),
        };
    }

    /// <summary>What may help the scheme with this model.</summary>
    private IEnumerable<ITechnique> Helpers() => scheme.Helpers.Select(KnownTechniques.Of)
        .Where(technique => (source.Samples is not null || !technique.NeedsSamples) && technique.Suits(source.Model.Graph));

    private bool IsTooLarge(ModelProto model) => MostBytes is { } most && StoredOnce.Of(model).CalculateSize() > most;

    /// <summary>Where both decide alike, which labels of few samples hardly tell apart, the closer one is better.</summary>
    private static bool IsBetter(Judged one, Judged other) => one.Loss < other.Loss
        || one.Loss == other.Loss && one.Closeness.SignalToNoise >= other.Closeness.SignalToNoise;

    /// <summary>About the best, with as few operators in float as it takes.</summary>
    private ControlledModel Found(
        RecipeSearch search, Recipe cleanest, Suitable suits, double maximumLoss, double aim, CancellationToken cancellationToken)
    {
        foreach (var calibrator in OthersThan(source.Calibrator, suits.Calibrator))
        {
            if (search.Best.Judged.Loss <= aim) return search.Best;
            if (Deadline.HasPassed) break;
            say?.Invoke($"{calibrator.Name} calibration");
            var other = cleanest with { From = source with { Calibrator = calibrator } };
            if (Deadline.Within(() => search.Try(other), cancellationToken) is null) break;
        }
        if (!Deadline.HasPassed) suits.Calibrator ??= search.Recipe.From.Calibrator;
        if (search.Best.Judged.Loss <= aim) return search.Best;
        if (Least?.Invoke() is { } least)
        {
            if (least.OfSelection > aim) aim = maximumLoss;
            if (search.Best.Judged.Loss <= aim) return search.Best;
            if (least.IsMoreThan(maximumLoss)) return Hopeless(search.Best, search.Recipe.From, cancellationToken);
        }

        var ranking = Deadline.HasPassed ? null
            : Deadline.Within(() => RankingOf(search.Recipe.From, cancellationToken) ?? [], cancellationToken);
        if (ranking is not { Count: > 0 }) return search.Best with { IsCutShort = Deadline.HasPassed };
        var order = scheme.Aim is null ? ranking : CheapestFirst(ranking, source.Model.Graph);
        var fewest = new FewestReturned(search, order, scheme.Kept, say, cancellationToken) { Deadline = Deadline }.Find(aim);
        return (fewest.Judged.Loss > aim && search.Best.Judged.Loss <= maximumLoss ? search.Best : fewest) with
        {
            Ranking = ranking,
            IsCutShort = Deadline.HasPassed,
        };
    }

    private ControlledModel Hopeless(ControlledModel model, QuantizationSource from, CancellationToken cancellationToken) => model with
    {
        IsHopeless = true,
        Ranking = !Deadline.HasPassed && Explains()
            ? Deadline.Within(() => RankingOf(from, cancellationToken) ?? [], cancellationToken) ?? []
            : [],
    };

    /// <summary>
    /// The operators, the costliest first: as another scheme ranked them where it rounds them alike, whatever ranges either had. Null where
    /// time was up before.
    /// </summary>
    private IReadOnlyList<RankedOperator>? RankingOf(QuantizationSource from, CancellationToken cancellationToken)
    {
        List<RankedOperator>? Rank()
            => new OperatorRanking(scheme, from, _samples, say, Detail, cancellationToken)
            {
                Deadline = Deadline,
                Feeds = Feeds,
            }.Rank();
        if (scheme.RoundsAs is not { } alike) return Rank();
        // Without operators where time was up: nothing that is asked later has more of it.
        var shared = from.Once((nameof(RankingOf), alike), _ => Rank() ?? []);
        var own = scheme.OperatorsOf(from.Model.Graph).ToHashSet();
        RankedOperator[] ranked = [.. shared.Where(one => own.Contains(one.Output))];
        return ranked.Length == own.Count ? ranked : Deadline.HasPassed ? null : Rank();
    }

    /// <summary>
    /// Where keeping an operator costs bytes and no time, that comes first which makes most of the error for each weight: a table of words
    /// is most of a model and has little say in what that loses.
    /// </summary>
    internal static IReadOnlyList<RankedOperator> CheapestFirst(IReadOnlyList<RankedOperator> ranking, OnnxGraph graph)
    {
        long WeightsOf(string output) => Math.Max(1, graph.ProducerOf(output)?.Input.Max(input => graph.Constant(input)?.Elements()) ?? 1);
        return [.. ranking.OrderByDescending(one => CountSearch.ShareOf(one.Gain) / WeightsOf(one.Output))];
    }

    /// <summary>Calibrators that may suit better, or the one alone that is known to.</summary>
    private IEnumerable<ICalibrator> OthersThan(ICalibrator own, ICalibrator? known)
        => scheme.CalibratedValues(source.Model.Graph).Count == 0 ? []
            : OtherCalibrators.Where(one => one != own && (known is null || one == known));

    /// <summary>
    /// The scheme's techniques one after the other, each kept where it makes the output worthwhile cleaner, and the model they make.
    /// </summary>
    private (Recipe Recipe, ModelProto Model) Cleanest(Recipe best, ModelProto made, CancellationToken cancellationToken)
    {
        ITechnique[] techniques = [.. Helpers()];
        if (techniques.Length == 0) return (best, made);
        var (changed, dropped) = (source, new List<ITechnique>());
        var plain = _samples.SignalToNoiseOf(made, scheme.Name);
        var cleanest = plain;
        foreach (var technique in techniques)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Deadline.HasPassed) break;
            say?.Invoke(technique.Name);
            var before = changed;
            var further = Deadline.Within(() => technique.ApplyRoughly(before, scheme, None, source.Cancellation), cancellationToken);
            if (further is null) break;
            if (ReferenceEquals(further.Model, changed.Model)) continue;
            if (Deadline.Within(() => scheme.Apply(further, None), cancellationToken) is not { } model) break;
            if (IsTooLarge(model) && !IsTooLarge(made)) continue;
            var signalToNoise = _samples.SignalToNoiseOf(model, scheme.Name);
            if (!(signalToNoise > cleanest + technique.LeastGain))
            {
                dropped.Add(technique);
                continue;
            }
            (made, changed, cleanest) = (model, further, signalToNoise);
            best = best with { Techniques = [.. best.Techniques, technique], SignalToNoise = (plain, signalToNoise) };
        }
        // What wins nothing by itself may win beside what came after it.
        foreach (var technique in dropped.Where(one => TriesTogether && best.Techniques.Any(other => IsBefore(one, other))).ToArray())
        {
            if (Deadline.HasPassed) break;
            say?.Invoke($"{technique.Name} with the others");
            var together = best with { Techniques = [.. techniques.Where(one => one == technique || best.Techniques.Contains(one))] };
            if (Deadline.Within(() => together.Make(scheme, None, source.Cancellation, roughly: true), cancellationToken) is not { } model)
                break;
            var signalToNoise = _samples.SignalToNoiseOf(model, scheme.Name);
            if (!(signalToNoise > cleanest + technique.LeastGain) || (IsTooLarge(model) && !IsTooLarge(made))) continue;
            (made, cleanest, best) = (model, signalToNoise, together with { SignalToNoise = (plain, signalToNoise) });
        }
        return (best, made);

        bool IsBefore(ITechnique one, ITechnique other) => Array.IndexOf(techniques, one) < Array.IndexOf(techniques, other);
    }

    /// <summary>
    /// What suits a model, as the first of the schemes found that round it alike: what its layers compute and how that is distributed is
    /// the same for all of them, and to try each technique and calibrator again took a fifth of what PP-OCRv4's detector takes.
    /// </summary>
    private sealed class Suitable
    {
        /// <summary>Techniques that made the output cleaner; null where nothing was found yet.</summary>
        public IReadOnlyList<ITechnique>? Techniques { get; set; }

        /// <summary>The calibrator; null where none was looked for.</summary>
        public ICalibrator? Calibrator { get; set; }
    }
}
