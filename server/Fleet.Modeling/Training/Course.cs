using System.Numerics;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Training;

/// <summary>
/// How long a training is. What a network learns follows from how many steps it takes, not from how often it sees a sample: ten passes over
/// 45 samples in batches of 128 are ten steps, and leave it at chance.
/// </summary>
/// <param name="Epochs">Passes over the samples.</param>
/// <param name="BatchSize">Samples a step.</param>
internal readonly record struct Course(int Epochs, int BatchSize)
{
    private const int FewestSteps = 1_000, FewestEpochs = 10;
    private const int FewestViews = 4, MostViews = 64, MostAnswers = 20_000;
    private const int SmallestBatch = 8, LargestBatch = 128, BatchesOfAnEpoch = 16;

    /// <summary>
    /// Variations of each sample that a student goes through in turn. Who sees the same four again and again learns them by heart, where
    /// the student on labels alone sees a new one in every epoch.
    /// </summary>
    /// <param name="spec">What is asked for.</param>
    /// <param name="samples">That the teacher is asked about.</param>
    public int Views(DistillationSpec spec, int samples)
        => spec.Views ?? Math.Clamp(Math.Min(Epochs, MostAnswers / samples), FewestViews, MostViews);

    /// <summary>Steps of a pass over so many samples.</summary>
    public int StepsOfEpoch(int samples) => Math.Max(1, samples / BatchSize);

    /// <summary>What a spec asks for, and the rest by the size of the data.</summary>
    public static Course Of(TrainingSpec spec, int samples)
    {
        var batch = Math.Min(samples, spec.BatchSize
            ?? Math.Clamp((int)BitOperations.RoundUpToPowerOf2((uint)samples / BatchesOfAnEpoch), SmallestBatch, LargestBatch));
        var steps = Math.Max(1, samples / batch);
        return new Course(spec.Epochs ?? Math.Max(FewestEpochs, (FewestSteps + steps - 1) / steps), batch);
    }
}
