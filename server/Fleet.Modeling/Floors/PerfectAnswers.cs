using Fleet.Modeling.Data;

namespace Fleet.Modeling.Floors;

/// <summary>What a model without an error would answer.</summary>
internal static class PerfectAnswers
{
    /// <summary>A logit of what a sample has, with the other sign of what it has not; above what an anomaly begins at.</summary>
    private const float Sure = 4;

    /// <summary>A row for each sample.</summary>
    /// <param name="labels">What the samples are labelled with; no boxes.</param>
    /// <param name="columns">Numbers of a row.</param>
    public static float[] Of(SampleLabels labels, int columns) => labels switch
    {
        ClassLabels classes => OneHot(classes.Numbers, columns),
        LabelSets sets => [.. sets.Given.Select(given => given > 0 ? Sure : -Sure)],
        ValueLabels values => values.Values,
        AnomalyLabels anomalies => [.. anomalies.Numbers.Select(number => number > 0 ? Sure : 0)],
        _ => throw new NotSupportedException($"No answers are made of {labels.GetType().Name}."),
    };

    private static float[] OneHot(long[] numbers, int columns)
    {
        var answers = new float[numbers.Length * columns];
        for (var sample = 0; sample < numbers.Length; sample++) answers[sample * columns + numbers[sample]] = Sure;
        return answers;
    }
}
