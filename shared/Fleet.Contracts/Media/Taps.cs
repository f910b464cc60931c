namespace Fleet.Contracts.Media;

/// <summary>The old pixels of a row that make a new one.</summary>
/// <param name="First">The first of them.</param>
/// <param name="Weights">What each of them counts, beginning with the first; together 1.</param>
public readonly record struct Taps(int First, float[] Weights)
{
    /// <summary>
    /// The pixels of an axis by a triangle around each new one's centre: pixel i has its centre at i + 1/2, and the triangle ends one old
    /// pixel away or, with <paramref name="antialias"/> and where that is wider, one new pixel. What would lie outside the picture is left
    /// out of the mean. These are <c>linear</c> with <c>half_pixel</c>, and <c>antialias</c> with
    /// <c>exclude_outside</c>, of ONNX Resize (https://onnx.ai/onnx/operators/onnx__Resize.html).
    /// </summary>
    /// <param name="from">Where the first new pixel begins, in old pixels.</param>
    /// <param name="to">Where the last one ends.</param>
    /// <param name="old">Old pixels of the axis.</param>
    /// <param name="count">New pixels.</param>
    /// <param name="antialias">Whether the triangle grows as pixels do.</param>
    public static Taps[] Of(double from, double to, int old, int count, bool antialias)
    {
        var step = (to - from) / count;
        var reach = antialias ? Math.Max(1, step) : 1;
        var taps = new Taps[count];
        for (var i = 0; i < count; i++)
        {
            var centre = from + (i + 0.5) * step;
            var first = Math.Max(0, (int)Math.Ceiling(centre - reach - 0.5));
            var last = Math.Min(old - 1, (int)Math.Floor(centre + reach - 0.5));
            var weights = new double[last - first + 1];
            for (var j = 0; j < weights.Length; j++) weights[j] = Math.Max(0, 1 - Math.Abs(first + j + 0.5 - centre) / reach);
            var sum = weights.Sum();
            taps[i] = new Taps(first, Array.ConvertAll(weights, weight => (float)(weight / sum)));
        }
        return taps;
    }
}
