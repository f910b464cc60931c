using Fleet.Contracts.Builds;

namespace Fleet.Contracts.Inputs;

/// <summary>Writes the window that begins at a row, as <see cref="WindowForm.Start"/> says it.</summary>
public delegate void WindowWriter(int start, Span<float> values);

/// <summary>
/// What an application has of a stream. What is no longer than a window is one sample; what is longer makes a sample of each window that
/// it has all rows of.
/// </summary>
public sealed class StreamInstance
{
    private readonly WindowForm _form;
    private readonly int _rows;
    private readonly double _rowsPerUnit;
    private readonly WindowWriter _write;

    /// <param name="form">How it is cut.</param>
    /// <param name="rows">Rows, or samples of sound.</param>
    /// <param name="channels">Values of each that are held until the last window is written.</param>
    /// <param name="rowsPerUnit">How many of them are one in what <see cref="Bounds"/> says: 1 for rows, the rate for seconds.</param>
    /// <param name="write">Writes a window.</param>
    /// <exception cref="FormatException">It is shorter than training allowed.</exception>
    public StreamInstance(WindowForm form, int rows, int channels, double rowsPerUnit, WindowWriter write)
    {
        if (rows < form.Minimum)
            throw new FormatException($"it has {rows:N0} {form.Unit}, and the model learned from windows of {form.Minimum:N0} and more: "
                + "send more" + (form.Padding == WindowPadding.FirstRow ? ", or train it on fewer (data.series.minimumRows)" : ""));
        (_form, _rows, _rowsPerUnit, _write) = (form, rows, rowsPerUnit, write);
        (Count, Channels) = (form.Count(rows, form.Length), channels);
    }

    /// <summary>True where it is longer than a window.</summary>
    public bool IsLonger => _rows > _form.Length;

    /// <summary>Windows that it makes.</summary>
    public int Count { get; }

    /// <summary>Values of each row that it holds.</summary>
    public int Channels { get; }

    /// <summary>Values that it holds.</summary>
    public long Values => (long)_rows * Channels;

    /// <summary>
    /// Where a window begins and where it ends, without what it is filled with: rows from 0, or seconds; the end is behind it.
    /// </summary>
    /// <param name="window">The window in order of time, from 0.</param>
    public (double Start, double End) Bounds(int window)
    {
        var start = StartOf(window);
        return (Math.Max(0, start) / _rowsPerUnit, Math.Min(_rows, start + _form.Length) / _rowsPerUnit);
    }

    /// <summary>Makes the values of a window.</summary>
    /// <param name="window">The window in order of time, from 0.</param>
    /// <param name="values">Where they go, as many as a sample has.</param>
    public void Write(int window, Span<float> values) => _write(StartOf(window), values);

    private int StartOf(int window)
        => _form.Start(_rows, _form.Padding == WindowPadding.FirstRow ? Count - 1 - window : window);
}
