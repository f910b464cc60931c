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
/// <param name="columns">Headings; one that begins with <c>&gt;</c> is right-aligned, for figures.</param>
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
    public IRenderable ToRenderable(int width)
    {
        var widths = Widths();
        var gap = widths.Sum() + 2 * (columns.Count - 1) <= width ? 2 : 1;
        // An id or a number that is broken over two lines cannot be copied: where there is room, only sentences are wrapped.
        bool[] whole =
            [.. columns.Select((_, i) => IsRight(i) || _rows.TrueForAll(row => !row[i].Text.Contains(' ', StringComparison.Ordinal)))];
        var sentences = whole.Count(each => !each);
        var taken = widths.Where((_, i) => whole[i]).Sum() + gap * (columns.Count - 1);
        var roomy = taken + NarrowestSentence * sentences <= width;
        var table = new Table { Border = TableBorder.None, ShowHeaders = HasHeadings };
        for (var i = 0; i < columns.Count; i++)
        {
            var column = new TableColumn(
                $"[dim]{Markup.Escape(Heading(columns[i]))}[/]")
            { Alignment = IsRight(i) ? Justify.Right : Justify.Left };
            column.Padding = new Padding(0, 0, i == columns.Count - 1 ? 0 : gap, 0);
            if (roomy ? whole[i] : IsRight(i)) column.NoWrap();
            table.AddColumn(column);
        }
        foreach (var row in _rows) table.AddRow(row.Select(cell => new Markup(cell.Markup())));
        return table;
    }

    private int[] Widths()
        => [.. columns.Select((heading, i) => _rows.Select(row => row[i].Text.Length).Append(Heading(heading).Length).Max())];

    private bool HasHeadings => columns.Any(column => Heading(column).Length > 0);

    private bool IsRight(int column) => columns[column].StartsWith('>');

    private static string Heading(string column) => column.TrimStart('>').ToUpperInvariant();
}
