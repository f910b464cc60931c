using Fleet.Contracts.Scoring;

namespace Fleet.Quantization.Evaluation;

/// <summary>Compares outputs with labels and with the float model's outputs, by the scoring that devices use.</summary>
internal static class Judgement
{
    /// <inheritdoc cref="ClassificationScore.Accuracy"/>
    public static double Accuracy(ModelOutputs outputs, ReadOnlySpan<long> labels)
        => ClassificationScore.Accuracy(outputs.Decisions(), labels);

    /// <summary>Share of samples decided alike.</summary>
    public static double Agreement(ModelOutputs outputs, ModelOutputs reference) => Accuracy(outputs, reference.Decisions());

    /// <inheritdoc cref="OutputScore.SignalToNoise"/>
    public static double SignalToNoise(ReadOnlySpan<float> values, ReadOnlySpan<float> reference)
        => new OutputScore().Add(values, reference).SignalToNoise;
}
