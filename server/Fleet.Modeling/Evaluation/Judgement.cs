namespace Fleet.Modeling.Evaluation;

/// <summary>Compares outputs with labels and with the float model's outputs.</summary>
internal static class Judgement
{
    /// <summary>Share of samples whose decision is their label.</summary>
    public static double Accuracy(ModelOutputs outputs, IReadOnlyList<long> labels)
        => (double)outputs.Decisions().Zip(labels).Count(pair => pair.First == pair.Second) / Math.Max(1, outputs.Count);

    /// <summary>Share of samples decided alike.</summary>
    public static double Agreement(ModelOutputs outputs, ModelOutputs reference)
        => (double)outputs.Decisions().Zip(reference.Decisions()).Count(pair => pair.First == pair.Second) / Math.Max(1, outputs.Count);

    /// <summary>Signal to noise in decibels: ten times the logarithm of the reference's power over that of the difference.</summary>
    public static double SignalToNoise(ReadOnlySpan<float> values, ReadOnlySpan<float> reference)
    {
        double signal = 0, noise = 0;
        for (var i = 0; i < reference.Length; i++)
        {
            signal += (double)reference[i] * reference[i];
            noise += ((double)values[i] - reference[i]) * ((double)values[i] - reference[i]);
        }
        return noise == 0 ? double.PositiveInfinity : 10 * Math.Log10(signal / noise);
    }
}
