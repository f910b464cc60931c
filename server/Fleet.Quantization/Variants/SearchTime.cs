using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;

namespace Fleet.Quantization.Variants;

/// <summary>What a search is made of, as far as it is known before it begins.</summary>
/// <param name="Pace">What the float model takes.</param>
/// <param name="Selecting">Samples that choose.</param>
/// <param name="Reporting">Samples that report.</param>
/// <param name="Ranking">Samples that rank.</param>
/// <param name="Calibrating">Samples that fix ranges.</param>
internal sealed record SearchSize(FloatPace Pace, int Selecting, int Reporting, int Ranking, int Calibrating)
{
    /// <summary>True where rounding weights to 16 bits loses too much already: nothing is searched for then.</summary>
    public bool IsHopeless { get; init; }

    /// <summary>Samples in a run, of which variants are timed too where there are several.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>True where everything is decided already.</summary>
    public bool IsFixed { get; init; }
}

/// <summary>
/// Expects how long variants take to make, before it is known: the models that the effort tries for each scheme, with its techniques and
/// the layers it may have to rank, times what opening and running the float model takes. How many models a scheme needs depends on what it
/// loses; the numbers here are those in the middle of what seven models of as many kinds took at <c>fast</c> and at <c>balanced</c>.
/// </summary>
/// <param name="size">The search.</param>
/// <param name="effort">How much is tried.</param>
/// <param name="graph">The float model.</param>
internal sealed class SearchTime(SearchSize size, Effort effort, OnnxGraph graph)
{
    /// <summary>Models that a scheme needs where nothing must be done for it.</summary>
    private const int PlainModels = 2;

    /// <summary>Models that trying a technique takes, each compared on the samples that rank.</summary>
    private const int ModelsOfTechnique = 3;

    /// <summary>Runs over the samples that calibrate, of a technique.</summary>
    private const int PassesOfTechnique = 3;

    /// <summary>Models that are judged beside those ranked, where some layers must stay float.</summary>
    private const int ModelsOfReturning = 5;

    /// <summary>What ranking an operator costs beside running the whole model: what lies before it is run once for all.</summary>
    private const double TailShare = 0.6;

    /// <summary>What share of the schemes needs that at <c>fast</c>, and what share where hopeless ones are explained too.</summary>
    private const double ShareReturning = 0.3, ShareExplained = 0.4;

    /// <summary>Calls of the float model and the variant while they are timed, however slow: 20 pairs, and the first.</summary>
    private const int TimedCalls = 44;

    /// <summary>Models below this are loaded several times to be timed.</summary>
    private static readonly TimeSpan Tiny = TimeSpan.FromMilliseconds(1);

    /// <summary>How long those are timed at least, five loads together.</summary>
    private static readonly TimeSpan TinyTimed = TimeSpan.FromSeconds(1.5);

    /// <summary>A process of its own that measures memory.</summary>
    private static readonly TimeSpan Measuring = TimeSpan.FromSeconds(0.4);

    /// <summary>Compiling this program's own code, which happens while the first model is made.</summary>
    private static readonly TimeSpan Compiling = TimeSpan.FromSeconds(0.8);

    /// <summary>Microseconds in which a weight is rounded to 8 bits, and in which the best 4 bits of it are looked for.</summary>
    private const double Rounding = 0.003, BlockRounding = 0.8;

    private readonly HashSet<string> _ranked = [], _rounded = [];

    /// <summary>Counting activations.</summary>
    public TimeSpan Calibration => Compiling + 2 * size.Calibrating * size.Pace.Call;

    /// <summary>Making the model of a scheme; asked in the order in which schemes are tried, which share what was found once.</summary>
    public TimeSpan SearchOf(IQuantizationScheme scheme)
    {
        var (judged, ranked) = (ModelOn(size.Selecting), ModelOn(size.Ranking));
        if (size.IsFixed) return 2 * judged + RoundingOf(scheme);
        var ranking = _ranked.Add(scheme.RoundsAs ?? scheme.Name)
            ? TailShare * OperatorRanking.RunsOf(scheme.OperatorsOf(graph).Count, effort.Ranking) * ranked : TimeSpan.Zero;
        if (size.IsHopeless) return PlainModels * judged + (effort.ExplainsTheHopeless ? ranking : TimeSpan.Zero) + RoundingOf(scheme);
        var techniques = scheme.Helpers.Select(KnownTechniques.Of)
            .Count(technique => (size.Calibrating > 0 || !technique.NeedsSamples) && technique.Suits(graph));
        var helped = techniques * (ModelsOfTechnique * ranked + PassesOfTechnique * size.Calibrating * size.Pace.Call);
        var others = effort.OtherCalibrators && size.Calibrating > 0 && scheme.CalibratedValues(graph).Count > 0
            ? (Calibrators.All.Count - 1) * (judged + helped / Math.Max(1, techniques)) : TimeSpan.Zero;
        return PlainModels * (judged + ranked) + RoundingOf(scheme) + helped
            + (effort.ExplainsTheHopeless ? ShareExplained : ShareReturning) * (ranking + others + ModelsOfReturning * judged);
    }

    /// <summary>Judging a variant on the samples that report, and writing it.</summary>
    public TimeSpan Telling => 1.5 * ModelOn(size.Reporting);

    /// <summary>Timing a variant of this machine.</summary>
    public TimeSpan Timing => size.IsHopeless && !effort.TimesTheRejected ? TimeSpan.Zero
        : Measuring + (size.Pace.Call < Tiny
            ? TimeSpan.FromTicks(Math.Max(effort.Pairs.Least.Ticks, TinyTimed.Ticks))
            : 1.3 * effort.Pairs.Least + TimedCalls * size.Pace.Call + 3 * size.Pace.Open)
            + (size.Batch > 1 ? 1.3 * effort.Pairs.Least + TimedCalls * size.Batch * size.Pace.Call : TimeSpan.Zero);

    /// <summary>Counting operators of a variant of another machine.</summary>
    public TimeSpan Counting => 2 * size.Pace.Open + 8 * size.Pace.Call;

    private TimeSpan ModelOn(int samples) => size.Pace.Open + samples * size.Pace.Call + RoundedIn(Rounding);

    private TimeSpan RoundingOf(IQuantizationScheme scheme)
        => scheme.Blocks is not null && _rounded.Add(scheme.RoundsAs ?? scheme.Name) ? RoundedIn(BlockRounding) : TimeSpan.Zero;

    private TimeSpan RoundedIn(double microseconds) => TimeSpan.FromMicroseconds(microseconds * size.Pace.Weights);
}
