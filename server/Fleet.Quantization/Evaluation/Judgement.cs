namespace Fleet.Quantization.Evaluation;

/// <summary>Compares outputs with labels and with the float model's outputs.</summary>
internal static class Judgement
{
    /// <summary>Share of samples whose decision is their label.</summary>
    public static double Accuracy(ModelOutputs outputs, IReadOnlyList<long> labels)
        => (double)outputs.Decisions().Zip(labels).Count(pair => pair.First == pair.Second) / Math.Max(1, outputs.Count);

    /// <summary>Share of samples decided alike.</summary>
    public static double Agreement(ModelOutputs outputs, ModelOutputs reference)
        => (double)outputs.Decisions().Zip(reference.Decisions()).Count(pair => pair.First == pair.Second) / Math.Max(1, outputs.Count);

    /// <inheritdoc cref="Deviation.SignalToNoise"/>
    public static double SignalToNoise(ReadOnlySpan<float> values, ReadOnlySpan<float> reference)
        => new Deviation().Add(values, reference).SignalToNoise;
}
