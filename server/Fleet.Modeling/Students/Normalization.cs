using Fleet.Modeling.Data;

namespace Fleet.Modeling.Students;

/// <summary>
/// The first step of every network: from the values a sensor gives to values of about unit size, so that a device feeds what
/// it measures and nothing is prepared outside the graph.
/// </summary>
/// <param name="Mean">What is taken off each channel; all zero when that is not worth an operator.</param>
/// <param name="Scale">What each channel is then multiplied by; the export folds it into the first weights where channels are
/// alike.</param>
internal sealed record Normalization(float[] Mean, float[] Scale)
{
    /// <summary>
    /// From here on channels are scaled by an operator of their own. Folded into the weights, the scale leaves the input as it
    /// comes, and one 8-bit grid for all channels has no steps left for the small ones: two sensors a thousandfold apart were -0.4 dB.
    /// </summary>
    private const float UnlikeRatio = 8;

    /// <summary>True when the channels' scales are too far apart for one grid.</summary>
    public bool ScalesApart => Scale.Length > 0 && Scale.Max() > UnlikeRatio * Scale.Min();

    /// <summary>For samples that are numbers of tokens: there is nothing to scale.</summary>
    public static readonly Normalization None = new([], []);

    /// <summary>
    /// Measures the training samples. A mean within twice the deviation stays in: batch normalization takes it out behind
    /// the first convolution, zero padding then means what it means in the data, and the graph is an operator shorter.
    /// </summary>
    public static Normalization Measure(SampleSet training)
    {
        if (training.Vocabulary is not null) return None;
        var (mean, deviation) = Moments(training);
        // A channel that never changes carries nothing: it is left as it is.
        float[] scale = [.. deviation.Select(one => one > 0 && float.IsFinite(1 / one) ? 1 / one : 1)];
        var near = mean.Zip(scale).All(channel => Math.Abs(channel.First) * channel.Second <= 2);
        return new Normalization(near ? new float[mean.Length] : mean, scale);
    }

    /// <summary>Mean and deviation of each channel of the samples; a deviation of 0 where it never changes.</summary>
    public static (float[] Mean, float[] Deviation) Moments(SampleSet samples)
    {
        var channels = samples.SampleShape[0];
        var plane = samples.SampleLength / channels;
        var (mean, deviation) = (new float[channels], new float[channels]);
        if (samples.Count == 0) return (mean, deviation);
        // From its first value on, so that rounding makes no deviation where there is none.
        double[] first = [.. Enumerable.Range(0, channels).Select(channel => (double)samples.Sample(0)[channel * plane])];
        var (sums, squares) = (new double[channels], new double[channels]);
        for (var sample = 0; sample < samples.Count; sample++)
        {
            var values = samples.Sample(sample);
            for (var channel = 0; channel < channels; channel++)
            {
                foreach (var value in values.Slice(channel * plane, plane))
                {
                    sums[channel] += value - first[channel];
                    squares[channel] += (value - first[channel]) * (value - first[channel]);
                }
            }
        }
        var count = (double)samples.Count * plane;
        for (var channel = 0; channel < channels; channel++)
        {
            var shift = sums[channel] / count;
            mean[channel] = (float)(first[channel] + shift);
            deviation[channel] = (float)Math.Sqrt(Math.Max(0, squares[channel] / count - shift * shift));
        }
        return (mean, deviation);
    }
}
