namespace Fleet.Quantization.Calibration;

/// <summary>How integers stand for real values: <c>real = scale * (integer - zeroPoint)</c>.</summary>
/// <param name="Scale">Distance of two neighbouring values.</param>
/// <param name="ZeroPoint">The integer that stands for zero.</param>
internal readonly record struct Affine(float Scale, int ZeroPoint)
{
    /// <summary>
    /// The finest scale that covers <paramref name="range"/>. Zero is always exact: the range is widened to hold it and the
    /// zero point is an integer (rounded half to even, as the runtimes round).
    /// </summary>
    public static Affine For(ValueRange range, IntegerForm form)
    {
        var (low, high) = range.WithZero();
        if (form.Symmetric) (low, high) = (-range.AbsoluteMaximum, range.AbsoluteMaximum);
        var exact = (high - low) / (form.Maximum - form.Minimum);
        var scale = (float)exact;
        // A value that is always zero has no range to divide; one whose scale underflows is as good as zero.
        if (!float.IsNormal(scale)) return new Affine(1, form.Symmetric ? 0 : form.Minimum);
        var zeroPoint = form.Symmetric ? 0 : (int)Math.Clamp(Math.Round(form.Minimum - low / exact), form.Minimum, form.Maximum);
        return new Affine(scale, zeroPoint);
    }

    /// <summary>The real value that <paramref name="value"/> becomes.</summary>
    public double Round(double value, IntegerForm form)
        => Scale * (Math.Clamp(Math.Round(value / Scale) + ZeroPoint, form.Minimum, form.Maximum) - ZeroPoint);
}
