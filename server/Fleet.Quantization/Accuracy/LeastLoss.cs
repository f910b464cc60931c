namespace Fleet.Quantization.Accuracy;

/// <summary>What the gentlest rounding of a model loses: nothing coarser loses less.</summary>
/// <param name="OfSelection">Its loss on the samples that choose.</param>
/// <param name="IsTooMuch">True where it loses more than is allowed on the samples that report.</param>
internal sealed record LeastLoss(double OfSelection, bool IsTooMuch)
{
    /// <summary>True where what is allowed cannot be kept to, on one part of the samples or the other.</summary>
    /// <param name="maximumLoss">What is allowed on the samples that choose.</param>
    public bool IsMoreThan(double maximumLoss) => IsTooMuch || OfSelection > maximumLoss;
}
