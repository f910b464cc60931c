using System.Globalization;
using System.Text;

namespace Fleet.Platform;

/// <summary>
/// Text from outside as it may stand in a log or on a terminal: what would begin a line of its own, move the cursor, change colours or
/// turn the direction of reading is written out, so that nobody forges a line or hides one.
/// </summary>
public static class PlainText
{
    private static readonly char[] Breaks = ['\u2028', '\u2029'];

    /// <summary>The text as one line: <c>\n</c>, <c>\u001b</c> and their like stand for what they would do.</summary>
    public static string Line(string text) => Escaped(text, keepsLines: false);

    /// <summary>The same for text that may have several lines of its own, such as a sentence with a list below it.</summary>
    public static string Lines(string text) => Escaped(text, keepsLines: true);

    private static string Escaped(string text, bool keepsLines)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~') || !text.Any(c => MustGo(c, keepsLines))) return text;
        var plain = new StringBuilder(text.Length + 16);
        foreach (var c in text)
        {
            if (!MustGo(c, keepsLines)) plain.Append(c);
            else if (c == '\n') plain.Append("\\n");
            else if (c == '\r') plain.Append("\\r");
            else if (c == '\t') plain.Append("\\t");
            else plain.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }
        return plain.ToString();
    }

    // Controls of both tables, line and paragraph separators, and what turns the direction of reading or cannot be seen.
    private static bool MustGo(char c, bool keepsLines)
        => (char.IsControl(c) && !(keepsLines && c is ('\n' or '\t'))) || Breaks.Contains(c)
            || c is '\u061c' or '\u200e' or '\u200f' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
