namespace Fleet.Contracts.Scoring;

/// <summary>Compares the neighbourhoods of vectors with those the float model's vectors have.</summary>
public static class EmbeddingScore
{
    /// <summary>Neighbours of recall at 10.</summary>
    public const int Neighbours = 10;

    /// <summary>
    /// Mean over samples of the share of the <paramref name="neighbours"/> samples nearest to it by the float model that are
    /// among as many nearest by the variant. Near is a large cosine; of equal ones the earlier sample is nearer. Where there are
    /// fewer other samples, those are all; null when there are none.
    /// </summary>
    /// <param name="vectors">The variant's vectors, one after the other.</param>
    /// <param name="reference">The float model's.</param>
    /// <param name="samples">How many there are.</param>
    /// <param name="neighbours">How many neighbours count.</param>
    public static double? Recall(ReadOnlySpan<float> vectors, ReadOnlySpan<float> reference, int samples, int neighbours = Neighbours)
    {
        var wanted = Math.Min(neighbours, samples - 1);
        return SharedBy(vectors, reference, samples, neighbours) is { } shared
            ? (double)shared.Sum(one => (long)one) / ((long)samples * wanted)
            : null;
    }

    /// <summary>
    /// Of each sample, how many of its nearest by the float model are among as many nearest by the variant; null when there are no others.
    /// </summary>
    internal static int[]? SharedBy(ReadOnlySpan<float> vectors, ReadOnlySpan<float> reference, int samples, int neighbours)
    {
        if (vectors.Length != reference.Length || (samples > 0 && vectors.Length % samples != 0))
            throw new ArgumentException($"{vectors.Length} and {reference.Length} values do not make {samples} vectors each.");
        var wanted = Math.Min(neighbours, samples - 1);
        if (wanted < 1) return null;
        var (own, theirs) = (Normalized(vectors, samples), Normalized(reference, samples));
        return [
            .. Enumerable.Range(0, samples)
                .Select(i => Nearest(own, samples, i, wanted).Intersect(Nearest(theirs, samples, i, wanted)).Count()),
        ];
    }

    private static int[] Nearest(float[] vectors, int samples, int of, int count)
    {
        var width = vectors.Length / samples;
        var cosines = new double[samples];
        for (var other = 0; other < samples; other++)
        {
            var sum = 0.0;
            for (var i = 0; i < width; i++) sum += vectors[of * width + i] * vectors[other * width + i];
            // A vector that holds no number is near to nobody.
            cosines[other] = double.IsFinite(sum) ? sum : double.NegativeInfinity;
        }
        return [.. Enumerable.Range(0, samples).Where(other => other != of).OrderByDescending(other => cosines[other]).Take(count)];
    }

    private static float[] Normalized(ReadOnlySpan<float> vectors, int samples)
    {
        var (normalized, width) = (vectors.ToArray(), vectors.Length / samples);
        for (var sample = 0; sample < samples; sample++)
        {
            var vector = normalized.AsSpan(sample * width, width);
            var square = 0.0;
            foreach (var value in vector) square += (double)value * value;
            if (square <= 0) continue;
            var length = Math.Sqrt(square);
            for (var i = 0; i < width; i++) vector[i] = (float)(vector[i] / length);
        }
        return normalized;
    }
}
