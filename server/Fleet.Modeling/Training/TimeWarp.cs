namespace Fleet.Modeling.Training;

/// <summary>
/// Lets a series run faster here and slower there, from its first moment to its last (time warping: Um et al., arXiv 1706.00527). The speed
/// is drawn at six places, e to the power of a normal number of deviation 0.2, and goes on a line between them, so that time never stands
/// still or turns; values between two moments are on a line. All channels are warped alike.
/// </summary>
internal static class TimeWarp
{
    private const int Places = 6;
    private const double Deviation = 0.2;

    /// <summary>Writes a warped series.</summary>
    /// <param name="sample">Values, channel by channel.</param>
    /// <param name="shape">Channels and length.</param>
    /// <param name="destination">Where it goes.</param>
    /// <param name="random">Draws the speeds.</param>
    public static void Write(ReadOnlySpan<float> sample, IReadOnlyList<int> shape, Span<float> destination, Random random)
    {
        var length = shape[1];
        if (length < 2)
        {
            sample.CopyTo(destination);
            return;
        }
        var speeds = new double[Places];
        foreach (ref var speed in speeds.AsSpan()) speed = Math.Exp(Deviation * Augmentation.Normal(random));
        var times = new double[length];
        for (var moment = 1; moment < length; moment++)
        {
            var place = (moment - 0.5) / (length - 1) * (Places - 1);
            var before = (int)place;
            times[moment] = times[moment - 1] + speeds[before] + (place - before) * (speeds[before + 1] - speeds[before]);
        }
        for (var moment = 0; moment < length; moment++)
        {
            var time = times[moment] / times[^1] * (length - 1);
            var before = Math.Min((int)time, length - 2);
            var part = (float)(time - before);
            for (var row = 0; row < sample.Length; row += length)
                destination[row + moment] = sample[row + before] + part * (sample[row + before + 1] - sample[row + before]);
        }
    }
}
