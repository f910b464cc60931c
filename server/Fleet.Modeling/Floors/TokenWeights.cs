using System.Runtime.InteropServices;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Features of texts without their order: how often a piece, or two side by side, are in a text, less the more texts they are in (tf-idf:
/// Spärck Jones, Journal of Documentation 28, 1972), each text of length one. The terms of most training texts count.
/// </summary>
internal sealed class TokenWeights
{
    private readonly Dictionary<long, int> _places;
    private readonly double[] _rarity;

    /// <summary>Counts in how many training texts each term is.</summary>
    /// <param name="training">The training texts.</param>
    /// <param name="most">Most terms.</param>
    public TokenWeights(SampleSet training, int most)
    {
        var texts = new Dictionary<long, int>();
        for (var sample = 0; sample < training.Count; sample++)
        {
            foreach (var term in Terms(training, sample).Distinct()) CollectionsMarshal.GetValueRefOrAddDefault(texts, term, out _)++;
        }
        var frequent = texts.OrderByDescending(term => term.Value).ThenBy(term => term.Key).Take(most).ToArray();
        _places = frequent.Index().ToDictionary(term => term.Item.Key, term => term.Index);
        _rarity = [.. frequent.Select(term => Math.Log((1.0 + training.Count) / (1 + term.Value)) + 1)];
    }

    /// <summary>Features of a text.</summary>
    private int Features => _rarity.Length;

    /// <summary>Features of every sample, row by row.</summary>
    public SparseFeatures Of(SampleSet samples)
        => new(Features, [.. Enumerable.Range(0, samples.Count).Select(sample => Row(samples, sample))]);

    private (int Place, float Value)[] Row(SampleSet samples, int sample)
    {
        var row = new List<(int Place, double Value)>();
        foreach (var (term, count) in Terms(samples, sample).CountBy(term => term))
        {
            if (_places.TryGetValue(term, out var place)) row.Add((place, (1 + Math.Log(count)) * _rarity[place]));
        }
        var length = Math.Sqrt(row.Sum(feature => feature.Value * feature.Value));
        return [.. row.Select(feature => (feature.Place, (float)(feature.Value / length)))];
    }

    private static List<long> Terms(SampleSet samples, int sample)
    {
        var (terms, before) = (new List<long>(), -1L);
        foreach (var value in samples.Sample(sample))
        {
            var piece = (long)value;
            if (piece == Vocabulary.Padding) break;
            terms.Add(piece);
            if (before >= 0) terms.Add((before + 1) * samples.Vocabulary!.Pieces.Count + piece);
            before = piece;
        }
        return terms;
    }
}
