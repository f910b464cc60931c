namespace Fleet.Modeling.Training;

/// <summary>
/// Variations of features of sound, whose last axis is time and the one before it frequency: they are moved by up to a twelfth of the time,
/// and by up to a twentieth of the bands as by another throat, edges repeated; and a band of up to a fifth of the frequencies and a stretch
/// of up to an eighth of the time get the mean of the sample (SpecAugment: Park et al., arXiv 1904.08779, with one mask of each kind).
/// </summary>
internal static class SpectrumViews
{
    private const int TimeShift = 12, BandShift = 20, BandMask = 5, TimeMask = 8;

    /// <summary>Writes a variation of a sample.</summary>
    /// <param name="sample">Its values.</param>
    /// <param name="shape">Channels, bands and moments; or bands and moments.</param>
    /// <param name="destination">Where it goes.</param>
    /// <param name="random">What it varies by.</param>
    /// <param name="mask">True: parts of it are hidden.</param>
    public static void Write(ReadOnlySpan<float> sample, IReadOnlyList<int> shape, Span<float> destination, Random random, bool mask)
    {
        var (bands, moments) = (shape[^2], shape[^1]);
        var (up, later) = (Shift(bands / BandShift, random), Shift(moments / TimeShift, random));
        for (var row = 0; row < destination.Length / moments; row++)
        {
            var (channel, band) = (row / bands, row % bands);
            var from = sample.Slice((channel * bands + Math.Clamp(band - up, 0, bands - 1)) * moments, moments);
            var to = destination.Slice(row * moments, moments);
            for (var moment = 0; moment < moments; moment++) to[moment] = from[Math.Clamp(moment - later, 0, moments - 1)];
        }
        if (!mask) return;
        float mean = 0;
        foreach (var value in sample) mean += value / sample.Length;
        var (firstBand, lastBand) = Part(bands, bands / BandMask, random);
        var (firstMoment, lastMoment) = Part(moments, moments / TimeMask, random);
        for (var row = 0; row < destination.Length / moments; row++)
        {
            var to = destination.Slice(row * moments, moments);
            if (row % bands >= firstBand && row % bands < lastBand) to.Fill(mean);
            else to[firstMoment..lastMoment].Fill(mean);
        }
    }

    private static int Shift(int most, Random random) => random.Next(-most, most + 1);

    private static (int First, int Last) Part(int extent, int most, Random random)
    {
        var length = random.Next(most + 1);
        var first = random.Next(extent - length + 1);
        return (first, first + length);
    }
}
