using System.Globalization;

namespace Fleet.Quantization.Report;

/// <summary>
/// The mark of a technique: a colour and a shape of its own, so that it is told apart without colours as well. The same in
/// charts, tables and legends.
/// </summary>
/// <param name="Kind">Class of the colour.</param>
/// <param name="Words">The technique in plain words, for legends.</param>
/// <param name="Outline">Corners of the shape in a circle of radius 1; empty for a circle.</param>
internal sealed record ReportMark(string Kind, string Words, IReadOnlyList<(double X, double Y)> Outline)
{
    /// <summary>The fp32 model itself.</summary>
    public static readonly ReportMark Original = new("k-fp32", "the fp32 model", Corners(4, 45));

    private static readonly ReportMark Static = new("k0", "static int8: ranges fixed by calibration", []);
    private static readonly ReportMark Dynamic = new("k1", "dynamic int8: activations rounded at run time", Corners(4, 0));
    private static readonly ReportMark Weights8 = new("k2", "8-bit weights only", Corners(3, 180));
    private static readonly ReportMark Weights4 = new("k3", "4-bit weights", Corners(3, 0));
    private static readonly ReportMark Mixed = new("k7", "weights of 2 to 8 bits", Corners(4, 22.5));
    private static readonly ReportMark Half = new("k4", "16-bit floats", Corners(5, 0));
    private static readonly ReportMark Trained = new("k5", "trained on its grid", Corners(6, 30));
    private static readonly ReportMark Other = new("k6", "another technique", Corners(8, 22.5));

    /// <summary>A mark for things that are no techniques, each number another one.</summary>
    public static ReportMark OfNumber(int number)
        => ((ReportMark[])[Static, Dynamic, Weights8, Weights4, Half, Trained, Mixed, Other])[number % 8];

    /// <summary>The mark of a scheme.</summary>
    public static ReportMark Of(string scheme) => scheme switch
    {
        "fp32" => Original,
        "fp16" => Half,
        _ when scheme.StartsWith("int8-static", StringComparison.Ordinal) => Static,
        _ when scheme.StartsWith("int8-dynamic", StringComparison.Ordinal) => Dynamic,
        _ when scheme.StartsWith("int8-weights", StringComparison.Ordinal) => Weights8,
        _ when scheme.StartsWith("int4", StringComparison.Ordinal) => Weights4,
        _ when scheme.StartsWith("mixed-weights", StringComparison.Ordinal) => Mixed,
        _ when scheme.StartsWith("qat-", StringComparison.Ordinal) || scheme.StartsWith("qkd-", StringComparison.Ordinal) => Trained,
        _ => Other,
    };

    /// <summary>The shape as SVG around a point.</summary>
    /// <param name="x">Where.</param>
    /// <param name="y">Where.</param>
    /// <param name="radius">How large.</param>
    /// <param name="variant">Filled when it may be released, hollow with a cross when it was rejected, ringed when it is chosen.</param>
    /// <param name="title">What is shown when pointed at, made safe already; empty for nothing.</param>
    public string Svg(double x, double y, double radius, MarkState variant, string title = "")
    {
        string N(double number) => number.ToString("0.#", CultureInfo.InvariantCulture);
        var words = title.Length == 0 ? "" : $"<title>{title}</title>";
        var look = $"dot {Kind}{(variant == MarkState.Rejected ? " hollow" : "")}";
        var shape = Outline.Count == 0
            ? $"<circle class=\"{look}\" cx=\"{N(x)}\" cy=\"{N(y)}\" r=\"{N(radius * 0.9)}\">{words}</circle>"
            : $"<polygon class=\"{look}\" "
                + $"points=\"{string.Join(' ',
                    Outline.Select(corner => $"{N(x + corner.X * radius * 1.1)},{N(y + corner.Y * radius * 1.1)}"))}\">{words}</polygon>";
        return variant switch
        {
            MarkState.Chosen => $"<circle class=\"ring\" cx=\"{N(x)}\" cy=\"{N(y)}\" r=\"{N(radius * 1.75)}\"/>{shape}",
            MarkState.Rejected => $"{shape}<path class=\"cross\" d=\"M{N(x - radius * 0.5)} {N(y - radius * 0.5)}l{N(radius)} "
                + $"{N(radius)}m0 {N(-radius)}l{N(-radius)} {N(radius)}\"/>",
            _ => shape,
        };
    }

    /// <summary>The shape as a picture of its own, beside text.</summary>
    public string Inline(MarkState variant)
        => $"<svg class=\"mark\" viewBox=\"0 0 20 20\" aria-hidden=\"true\">{Svg(10, 10, 5.2, variant)}</svg>";

    private static (double, double)[] Corners(int count, double degrees)
        => [
            .. Enumerable.Range(0, count)
                .Select(i => (Math.Sin((360.0 * i / count + degrees) * Math.PI / 180),
                    -Math.Cos((360.0 * i / count + degrees) * Math.PI / 180))),
        ];
}

/// <summary>How a mark is drawn.</summary>
internal enum MarkState
{
    /// <summary>May be released.</summary>
    Accepted,
    /// <summary>The one to take.</summary>
    Chosen,
    /// <summary>May not.</summary>
    Rejected,
}
