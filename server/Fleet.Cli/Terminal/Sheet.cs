using Fleet.Platform;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Fleet.Cli.Terminal;

/// <summary>How a cell reads: states have a colour on a terminal; the word itself always says it too.</summary>
internal enum Tone
{
    Plain,
    Good,
    Bad,
    Busy,
    Dim,
}

/// <summary>One cell.</summary>
internal readonly record struct Cell(string Text, Tone Tone = Tone.Plain)
{
    /// <summary>What it says: on one line, and nothing that steers the terminal.</summary>
    public string Text { get; } = PlainText.Line(Text);

    public static implicit operator Cell(string? text) => new(text ?? "");

    public static implicit operator Cell(long number) => new(Figures.Count(number));

    /// <summary>The cell as Spectre's markup.</summary>
    public string Markup() => Paint(Text, Tone);

    /// <summary>Text in the colour of its tone.</summary>
    public static string Paint(string text, Tone tone)
    {
        var escaped = Spectre.Console.Markup.Escape(text);
        return tone switch
        {
            Tone.Good => $"[green]{escaped}[/]",
            Tone.Bad => $"[red]{escaped}[/]",
            Tone.Busy => $"[yellow]{escaped}[/]",
            Tone.Dim => $"[dim]{escaped}[/]",
            _ => escaped,
        };
    }
}

/// <summary>A table for people: aligned columns without frames, on a terminal and in a pipe alike.</summary>
/// <param name="columns">
/// Headings; one that begins with <c>&gt;</c> is right-aligned, for figures, and one that ends with <c>?</c> is left out on a terminal
/// that is too narrow for it.
/// </param>
internal sealed class Sheet(params IReadOnlyList<string> columns)
{
    /// <summary>Columns that a sentence needs to be readable when it is wrapped.</summary>
    private const int NarrowestSentence = 10;

    private readonly List<Cell[]> _rows = [];

    /// <summary>Rows so far.</summary>
    public int Count => _rows.Count;

    /// <summary>Adds a row.</summary>
    public void Add(params Cell[] cells)
    {
        if (cells.Length != columns.Count)
            throw new ArgumentException($"A row has {cells.Length} cells; the table has {columns.Count} columns.", nameof(cells));
        _rows.Add(cells);
    }

    /// <summary>Columns separated by two spaces, every row one line: made to be read by <c>grep</c> and <c>awk</c> too.</summary>
    public void WritePlain(TextWriter writer)
    {
        var widths = Widths();
        if (HasHeadings) WriteRow([.. columns.Select(Heading)]);
        foreach (var row in _rows) WriteRow([.. row.Select(cell => cell.Text)]);

        void WriteRow(string[] cells) => writer.WriteLine(
            string.Join("  ", cells.Select((cell, i) => IsRight(i) ? cell.PadLeft(widths[i]) : cell.PadRight(widths[i]))).TrimEnd());
    }

    /// <summary>
    /// The same for a terminal of <paramref name="width"/> columns: coloured, closer together and then wrapped where it is too
    /// narrow.
    /// </summary>
    /// <returns>The table, and the headings of columns that hold something and were left out for want of room.</returns>
    public (IRenderable Table, IReadOnlyList<string> LeftOut) ToRenderable(int width)
    {
        var widths = Widths();
        var shown = Shown(widths, width);
        var gap = shown.Sum(i => widths[i]) + 2 * (shown.Count - 1) <= width ? 2 : 1;
        var roomy = Needed(shown, widths) <= width;
        var table = new Table { Border = TableBorder.None, ShowHeaders = HasHeadings };
        foreach (var i in shown)
        {
            var column = new TableColumn(
                $"[dim]{Markup.Escape(Heading(columns[i]))}[/]")
            { Alignment = IsRight(i) ? Justify.Right : Justify.Left };
            column.Padding = new Padding(0, 0, i == shown[^1] ? 0 : gap, 0);
            if (roomy ? IsWhole(i, widths) : IsRight(i)) column.NoWrap();
            table.AddColumn(column);
        }
        foreach (var row in _rows) table.AddRow(shown.Select(i => new Markup(row[i].Markup())));
        return (table, [.. Enumerable.Range(0, columns.Count).Except(shown).Where(HoldsSomething).Select(i => Heading(columns[i]))]);
    }

    /// <summary>All columns where there is room; else those that must be there, and of the others as many as fit, from the left.</summary>
    private List<int> Shown(int[] widths, int width)
    {
        List<int> all = [.. Enumerable.Range(0, columns.Count)];
        if (Needed(all, widths) <= width) return all;
        List<int> shown = [.. all.Where(i => !columns[i].EndsWith('?'))];
        foreach (var i in all.Where(i => columns[i].EndsWith('?') && HoldsSomething(i)))
        {
            List<int> more = [.. shown.Append(i).Order()];
            if (Needed(more, widths) <= width) shown = more;
        }
        return shown;
    }

    /// <summary>Columns of a terminal that <paramref name="shown"/> takes when only sentences are wrapped.</summary>
    private int Needed(List<int> shown, int[] widths)
        => shown.Sum(i => IsWhole(i, widths) ? widths[i] : Math.Max(NarrowestSentence, LongestWord(i))) + shown.Count - 1;

    private int LongestWord(int column) => _rows.Max(row => row[column].Text.Split(' ').Max(word => word.Length));

    /// <summary>An id or a number that is broken over two lines cannot be copied: only sentences are wrapped.</summary>
    private bool IsWhole(int column, int[] widths) => IsRight(column) || widths[column] <= NarrowestSentence
        || _rows.TrueForAll(row => !row[column].Text.Contains(' ', StringComparison.Ordinal));

    private bool HoldsSomething(int column) => _rows.Exists(row => row[column].Text is not ("" or Figures.None));

    private int[] Widths()
        => [.. columns.Select((heading, i) => _rows.Select(row => row[i].Text.Length).Append(Heading(heading).Length).Max())];

    private bool HasHeadings => columns.Any(column => Heading(column).Length > 0);

    private bool IsRight(int column) => columns[column].StartsWith('>');

    private static string Heading(string column) => column.TrimStart('>').TrimEnd('?').ToUpperInvariant();
}
