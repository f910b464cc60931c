using System.Globalization;
using System.Net;

namespace Fleet.Server.Dashboard;

/// <summary>Numbers as marks on a chart. Pure.</summary>
internal static class Line
{
    /// <summary>The points of a line from left to right, the largest value at the top.</summary>
    /// <param name="values">Values, none below zero.</param>
    /// <param name="width">Width of the chart.</param>
    /// <param name="top">Where the largest value is drawn.</param>
    /// <param name="bottom">Where zero is drawn.</param>
    public static string Points(IReadOnlyList<double> values, int width, int top, int bottom)
    {
        var largest = values.DefaultIfEmpty().Max();
        var step = values.Count > 1 ? (double)width / (values.Count - 1) : 0;
        return string.Join(' ', values.Select((value, index)
            => string.Create(
                CultureInfo.InvariantCulture, $"{index * step:0.#},{bottom - (largest > 0 ? value / largest * (bottom - top) : 0):0.#}")));
    }

    /// <summary>A number for people.</summary>
    public static string Number(double value) => value.ToString("#,0.##", CultureInfo.InvariantCulture);

    /// <summary>Text inside markup.</summary>
    public static string Escape(string text) => WebUtility.HtmlEncode(text);
}
