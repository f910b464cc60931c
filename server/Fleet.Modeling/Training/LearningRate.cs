namespace Fleet.Modeling.Training;

/// <summary>Learning rate over a run: a linear warm-up, then half a cosine to zero (Loshchilov, Hutter, arXiv 1608.03983).</summary>
internal static class LearningRate
{
    /// <summary>Share of the steps that warm up: the first steps of a fresh network are its steepest.</summary>
    private const double WarmUp = 0.1;

    /// <param name="step">Step from 0.</param>
    /// <param name="steps">Steps of the run.</param>
    /// <param name="peak">Largest learning rate.</param>
    public static double At(long step, long steps, double peak)
    {
        var warmUp = Math.Max(1, (long)(steps * WarmUp));
        if (step < warmUp) return peak * (step + 1) / warmUp;
        return peak * 0.5 * (1 + Math.Cos(Math.PI * (step - warmUp) / Math.Max(1, steps - warmUp)));
    }
}
