namespace Fleet.Modeling.FrontEnds;

/// <summary>
/// The mel scale, on which equal steps sound equally far apart: mel = 2595 log10(1 + f / 700), f in Hz (O'Shaughnessy, Speech
/// Communication, 1987, page 150; as in HTK).
/// </summary>
internal static class MelScale
{
    private const double Factor = 2595, Corner = 700;

    /// <summary>A frequency in Hz on the scale.</summary>
    public static double Of(double hertz) => Factor * Math.Log10(1 + hertz / Corner);

    /// <summary>The frequency in Hz at a place of the scale.</summary>
    public static double Hertz(double mel) => Corner * (Math.Pow(10, mel / Factor) - 1);

    /// <summary>
    /// Bands between two frequencies as triangles on the scale: each begins at the peak of the one before and ends at the peak of the next,
    /// and weighs 1 at its own (HTK Book 3.4, section 5.4).
    /// </summary>
    /// <param name="bands">How many.</param>
    /// <param name="lowest">Where the first begins, in Hz.</param>
    /// <param name="highest">Where the last ends, in Hz.</param>
    /// <param name="bins">Frequencies, from 0 to half of the rate.</param>
    /// <param name="rate">Samples a second.</param>
    /// <returns>A row a frequency, a column a band.</returns>
    /// <exception cref="BuildException">A band lies between two frequencies and would hear none.</exception>
    public static float[] Bands(int bands, double lowest, double highest, int bins, int rate)
    {
        var (from, to) = (Of(lowest), Of(highest));
        var step = (to - from) / (bands + 1);
        var weights = new float[bins * bands];
        var heard = new bool[bands];
        for (var bin = 0; bin < bins; bin++)
        {
            var place = (Of(bin * (rate / 2.0) / (bins - 1)) - from) / step;
            for (var band = 0; band < bands; band++)
            {
                var weight = Math.Max(0, 1 - Math.Abs(place - (band + 1)));
                weights[bin * bands + band] = (float)weight;
                heard[band] |= weight > 0;
            }
        }
        return Array.IndexOf(heard, false) is >= 0 and var deaf
            ? throw new BuildException(FormattableString.Invariant(
                $"data.features.mels {bands} leaves band {deaf + 1} without a frequency between {Hertz(from + deaf * step):0} and ")
                + FormattableString.Invariant($"{Hertz(from + (deaf + 2) * step):0} Hz: ask for fewer, or for a longer window."))
            : weights;
    }
}
