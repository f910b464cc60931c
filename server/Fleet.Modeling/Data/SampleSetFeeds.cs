using Fleet.Quantization.Samples;

namespace Fleet.Modeling.Data;

/// <summary>Feeds a model with labelled samples.</summary>
internal static class SampleSetFeeds
{
    /// <summary>The samples as the single input of a model.</summary>
    public static SampleFeeds Feeds(this SampleSet samples, string inputName)
        => new(inputName, samples.Count, samples.Batch, samples.SampleShape, samples.Vocabulary is not null);

    /// <summary>The samples as an application gives them to an exported student.</summary>
    public static SampleSet Given(this SampleSet samples)
        => samples.Unheard is { } given ? given with { Labels = samples.Labels, Origins = samples.Origins } : samples;
}
