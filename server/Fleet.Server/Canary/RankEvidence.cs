namespace Fleet.Server.Canary;

/// <summary>
/// Evidence that candidates stand higher than incumbents do, as an e-process: it may be looked at after every device, and the chance that
/// it ever reaches 1/α while nothing changed is at most α (Ville 1939).
/// </summary>
/// <remarks>
/// <para>
/// It is a mixture sequential probability ratio test (Robbins, "Statistical methods related to the law of the iterated logarithm", Annals
/// of Mathematical Statistics 41, 1970) of sequential ranks against Lehmann's alternatives (Savage and Sethuraman, "Stopping time of a
/// rank-order sequential probability ratio test based on Lehmann alternatives", Annals of Mathematical Statistics 37, 1966). As a
/// martingale of ranks it tests exchangeability as Vovk, Nouretdinov and Gammerman do ("Testing exchangeability on-line", 2003).
/// </para>
/// <para>
/// A candidate stands among m incumbents and k - 1 candidates read before it. While nothing changed, each of the m + k places is as
/// likely as any other and none depends on the places before: chance has chosen who takes the release first, whatever the scores are and
/// however the minutes of a device hang together. Lehmann's alternative with exponent κ gives the gap below g incumbents the mass
/// G(g) = ((g + 1)/(m + 1))^κ - (g/(m + 1))^κ, and each of the c + 1 places in it, if c candidates stand there, the same part of that. A
/// release may also harm a share ε of the devices and leave the rest where they were (Conover and Salsburg, "Locally most powerful tests
/// for detecting treatment effects when only a subset of patients can be expected to respond to treatment", Biometrics 44, 1988). So
/// E = Σ w(ε, κ) Π (1 - ε + ε (m + k) G(g) / (c + 1)), each factor with mean 1.
/// </para>
/// </remarks>
internal sealed record RankEvidence
{
    /// <summary>
    /// What the mixture is of, with equal weights: from "a third of them far above nearly all" to "each of them a little above".
    /// </summary>
    private static readonly Alternative[] Alternatives = [new(0.3, 0.05), new(0.6, 0.2), new(0.9, 0.1), new(1, 0.25), new(1, 0.5)];

    /// <summary>Nothing seen.</summary>
    public static readonly RankEvidence None = new();

    /// <summary>Logarithm of the likelihood ratio of each alternative.</summary>
    public IReadOnlyList<double> Logarithms { get; init; } = new double[Alternatives.Length];

    /// <summary>Logarithm of the largest evidence there was: a bound that was crossed stays crossed.</summary>
    public double Peak { get; init; }

    /// <summary>With one candidate more.</summary>
    public RankEvidence With(Placement place)
    {
        var logarithms = new double[Alternatives.Length];
        for (var i = 0; i < logarithms.Length; i++) logarithms[i] = Logarithms[i] + Math.Log(Alternatives[i].Ratio(place));
        return new RankEvidence { Logarithms = logarithms, Peak = Math.Max(Peak, MixtureOf(logarithms)) };
    }

    private static double MixtureOf(double[] logarithms)
    {
        var largest = logarithms.Max();
        return largest + Math.Log(logarithms.Sum(each => Math.Exp(each - largest)) / logarithms.Length);
    }

    /// <summary>A share of the candidates stands higher, by Lehmann's alternative with an exponent; the others stand anywhere.</summary>
    private readonly record struct Alternative(double Share, double Exponent)
    {
        public double Ratio(Placement place) => 1 - Share + Share * place.Ratio(Exponent);
    }
}
