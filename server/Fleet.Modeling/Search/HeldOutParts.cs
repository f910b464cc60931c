using Fleet.Modeling.Data;

namespace Fleet.Modeling.Search;

/// <summary>
/// What a search trains and judges on: samples to learn from and others to judge by, all of them training samples of the build. Those that
/// test never choose. Few samples are cut into folds that are held out in turn, and cut anew where the choice is to be no chance.
/// </summary>
internal sealed class HeldOutParts
{
    private const int FoldCount = 3;

    /// <summary>With so many validation samples one part tells enough: 500 answers have a standard error of about one point.</summary>
    private const int EnoughHeldOut = 500;

    /// <summary>Most samples to judge by.</summary>
    private const int MostHeldOut = 2_000;

    private readonly SampleSet _samples;
    private readonly SampleSet? _validation;
    private readonly int _seed;

    private HeldOutParts(SampleSet samples, SampleSet? validation, int seed)
        => (_samples, _validation, _seed) = (samples, validation, seed);

    /// <summary>The parts of a data set, the same for the same seed.</summary>
    public static HeldOutParts Of(DataSet data, int seed) => data.Validation.Count >= EnoughHeldOut
        ? new HeldOutParts(data.Training, Splits.Subset(data.Validation, MostHeldOut, new Random(seed)), seed)
        : new HeldOutParts(data.Training, null, seed);

    /// <summary>Trainings for each repetition.</summary>
    public int Trainings => _validation is null ? FoldCount : 1;

    /// <summary>True where other cuts tell more.</summary>
    public bool CanRepeat => _validation is null && _samples.Count < EnoughHeldOut;

    /// <summary>Samples that each training learns from.</summary>
    public int TrainingSamples => _validation is null ? _samples.Count - _samples.Count / FoldCount : _samples.Count;

    /// <summary>What it is, for people.</summary>
    public string Description => _validation is { } validation
        ? FormattableString.Invariant($"{validation.Count} validation samples")
        : FormattableString.Invariant($"{FoldCount} folds of {_samples.Count} training samples");

    /// <summary>The samples that are judged over all folds of a repetition.</summary>
    public SampleSet Judged => _validation ?? _samples;

    /// <summary>The parts of a repetition, each with the numbers of its held-out samples in <see cref="Judged"/>.</summary>
    public IEnumerable<(SampleSet Training, int[] HeldOut)> Repetition(int number)
    {
        if (_validation is { } validation)
        {
            yield return (_samples, [.. Enumerable.Range(0, validation.Count)]);
            yield break;
        }
        foreach (var (training, held) in Folds.Of(_samples, FoldCount, unchecked(_seed * 31 + number)))
            yield return (_samples.Pick(training), held);
    }
}
