namespace Fleet.Quantization.Calibration;

/// <summary>The real values an activation is expected to take.</summary>
/// <param name="Low">Smallest.</param>
/// <param name="High">Largest.</param>
internal readonly record struct ValueRange(double Low, double High)
{
    /// <summary>The same range, widened until it holds zero: padding and Relu need an exact zero.</summary>
    public ValueRange WithZero() => new(Math.Min(Low, 0), Math.Max(High, 0));

    /// <summary>The largest distance from zero.</summary>
    public double AbsoluteMaximum => Math.Max(Math.Abs(Low), Math.Abs(High));
}
