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
        var channels = training.SampleShape[0];
        var plane = training.SampleLength / channels;
        var mean = new float[channels];
        var scale = new float[channels];
        for (var channel = 0; channel < channels; channel++)
        {
            double sum = 0, squares = 0;
            for (var sample = 0; sample < training.Count; sample++)
            {
                foreach (var value in training.Sample(sample).Slice(channel * plane, plane))
                {
                    sum += value;
                    squares += (double)value * value;
                }
            }
            var count = (double)training.Count * plane;
            var average = sum / count;
            var deviation = Math.Sqrt(Math.Max(0, squares / count - average * average));
            mean[channel] = (float)average;
            // A channel that never changes carries nothing: it is left as it is.
            scale[channel] = deviation > 1e-12 * Math.Abs(average) && deviation > 0 ? (float)(1 / deviation) : 1;
        }
        var near = mean.Zip(scale).All(channel => Math.Abs(channel.First) * channel.Second <= 2);
        return new Normalization(near ? new float[channels] : mean, scale);
    }
}
