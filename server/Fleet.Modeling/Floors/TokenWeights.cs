using System.Runtime.InteropServices;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Features of texts without their order: how often a piece, or two side by side, are in a text, less the more texts they are in (tf-idf:
/// Spärck Jones, Journal of Documentation 28, 1972), each text of length one. The terms of most training texts count, 2,048 at most.
/// </summary>
internal sealed class TokenWeights
{
    private const int Most = 2_048;

    private readonly Dictionary<long, int> _places;
    private readonly double[] _rarity;

    /// <summary>Counts in how many training texts each term is.</summary>
    public TokenWeights(SampleSet training)
    {
        var texts = new Dictionary<long, int>();
        for (var sample = 0; sample < training.Count; sample++)
        {
            foreach (var term in Terms(training, sample).Distinct()) CollectionsMarshal.GetValueRefOrAddDefault(texts, term, out _)++;
        }
        var frequent = texts.OrderByDescending(term => term.Value).ThenBy(term => term.Key).Take(Most).ToArray();
        _places = frequent.Index().ToDictionary(term => term.Item.Key, term => term.Index);
        _rarity = [.. frequent.Select(term => Math.Log((1.0 + training.Count) / (1 + term.Value)) + 1)];
    }

    /// <summary>Features of a text.</summary>
    public int Features => _rarity.Length;

    /// <summary>Features of every sample, row by row.</summary>
    public float[] Of(SampleSet samples)
    {
        var features = new float[samples.Count * Features];
        for (var sample = 0; sample < samples.Count; sample++)
        {
            var own = features.AsSpan(sample * Features, Features);
            foreach (var term in Terms(samples, sample).GroupBy(term => term))
            {
                if (_places.TryGetValue(term.Key, out var place)) own[place] = (float)((1 + Math.Log(term.Count())) * _rarity[place]);
            }
            var length = System.Numerics.Tensors.TensorPrimitives.Norm<float>(own);
            if (length > 0) System.Numerics.Tensors.TensorPrimitives.Divide(own, length, own);
        }
        return features;
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
