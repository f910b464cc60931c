using Fleet.Contracts.Builds;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Evaluation;

namespace Fleet.Quantization.Variants;

/// <summary>
/// How much is tried for a better variant and how exactly it is timed. What each costs, and what it finds, is in the table of the benchmark
/// <c>quantize-cost</c>.
/// </summary>
/// <param name="Name">The word in a spec.</param>
/// <param name="Pairs">How long a variant is timed beside the float model.</param>
internal sealed record Effort(string Name, PairTime Pairs)
{
    /// <summary>A first look: ranges are taken in one way, and a speed is told to 5 %.</summary>
    public static readonly Effort Fast = new("fast", new PairTime(TimeSpan.FromSeconds(0.3), TimeSpan.FromSeconds(1.5), 1.05))
    {
        OtherCalibrators = false,
        TriesFourBit = false,
        TimesTheRejected = false,
        ExplainsTheHopeless = false,
        Ranking = new RankingDetail(Singly: 16, Opened: 1),
        FewestRankingSamples = 3,
        TechniqueSamples = 8,
        MakesExactly = false,
        TriesTogether = false,
        TriesTheSlower = false,
    };

    /// <summary>What is shipped: other calibrators are tried where the one asked for misses the aim.</summary>
    public static readonly Effort Balanced = new("balanced", new PairTime(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), 1.03))
    {
        Ranking = new RankingDetail(Singly: 24, Opened: 3),
        FewestRankingSamples = 5,
    };

    /// <summary>
    /// The same, with every speed told as exactly as this machine allows, and layers returned to float where that is not expected to help.
    /// </summary>
    public static readonly Effort Thorough = new("thorough", new PairTime(TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(12), 1.02))
    {
        TriesTheHopeless = true,
    };

    private static readonly Effort[] All = [Fast, Balanced, Thorough];

    /// <summary>True where other calibrators than the one asked for are tried when that misses the aim.</summary>
    public bool OtherCalibrators { get; init; } = true;

    /// <summary>True where layers are returned to float even where rounding weights to 16 bits alone loses too much.</summary>
    public bool TriesTheHopeless { get; init; }

    /// <summary>True where weights of four bits are made that are taken only where they turn out to be faster.</summary>
    public bool TriesFourBit { get; init; } = true;

    /// <summary>True where variants are timed that are not good enough to be taken.</summary>
    public bool TimesTheRejected { get; init; } = true;

    /// <summary>True where it is found out which layers cost most of the first variant that cannot be good enough.</summary>
    public bool ExplainsTheHopeless { get; init; } = true;

    /// <summary>True where a technique that won nothing is tried once more beside those that came after it.</summary>
    public bool TriesTogether { get; init; } = true;

    /// <summary>
    /// True where what is found is made once more with what techniques find of the layers that remain and of what these pass on, not only
    /// with what they find of each layer by itself.
    /// </summary>
    public bool MakesExactly { get; init; } = true;

    /// <summary>
    /// True where a scheme is tried that computes in float, and so cannot be faster, beside one that is measured to be faster and good
    /// enough.
    /// </summary>
    public bool TriesTheSlower { get; init; } = true;

    /// <summary>How finely operators are ranked where some must stay float.</summary>
    public RankingDetail Ranking { get; init; } = RankingDetail.Full;

    /// <summary>
    /// Fewest samples that compare techniques and rank operators, where each has so many outputs that few tell the power of an error.
    /// </summary>
    public int FewestRankingSamples { get; init; } = 16;

    /// <summary>Most samples from which techniques find what to change.</summary>
    public int TechniqueSamples { get; init; } = 32;

    /// <summary>The effort of that name; <see cref="Balanced"/> where none is asked for.</summary>
    /// <exception cref="ArgumentException">There is none; the message lists those there are.</exception>
    public static Effort Named(string? name) => name is null ? Balanced : All.FirstOrDefault(one => one.Name == name)
        ?? throw new ArgumentException(
            $"Effort '{name}' is not known; it is one of {string.Join(", ", BuildSpecRules.Efforts)}.", nameof(name));
}
