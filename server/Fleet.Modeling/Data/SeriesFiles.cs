using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Data;

/// <summary>Windows of tables that hold a row for each moment of each unit: CSV, or columns apart by blanks.</summary>
internal static class SeriesFiles
{
    private const int WindowsOfPiece = 5;

    /// <summary>Every window of every unit.</summary>
    /// <param name="path">The table.</param>
    /// <param name="spec">How it is cut.</param>
    /// <param name="labelColumn">Column of the labels where they do not follow from where a unit ends.</param>
    /// <param name="room">Where the windows are kept; null for memory.</param>
    /// <returns>The windows, and the channels they hold.</returns>
    public static (RawSamples Samples, IReadOnlyList<string> Channels) ReadTraining(
        string path, SeriesSpec spec, string? labelColumn, SampleRoom? room = null)
        => Guarded(path, () =>
        {
            var table = SeriesTable.Read(path);
            var channels = spec.Channels
                ?? Changing(table, [.. new[] { spec.Unit, labelColumn }.OfType<string>(), .. spec.Without]);
            // From the end: the moments nearest to it are those that matter most, and none of them is left out.
            var form = FormOf(spec);
            (int Unit, int Start)[] windows = [
                .. UnitsOf(table, spec).SelectMany(unit => form.Starts(unit.End - unit.Start, spec.MinimumRows ?? spec.Window)
                    .Select(start => (unit.Number, start))),
            ];
            var samples = Cut(table, spec, channels, labelColumn, windows, null, room);
            // A unit that is shorter than all that was asked is a window too.
            var fewest = windows.Min(window => window.Start) + spec.Window;
            return (samples with { Windows = form with { Minimum = Math.Min(form.Minimum, fewest) } }, channels);
        });

    /// <summary>The last window of each unit, labelled by a file of a number for each unit; or every window where there is none.</summary>
    /// <param name="path">The table, of the same columns as the training table.</param>
    /// <param name="labelsPath">A number for each unit, a line each: what its last row is labelled with; null where the table itself
    /// says.</param>
    /// <param name="spec">How it is cut.</param>
    /// <param name="labelColumn">Column of the labels.</param>
    /// <param name="channels">The channels of the training windows.</param>
    /// <param name="room">Where the windows are kept; null for memory.</param>
    public static RawSamples ReadHeldOut(string path, string? labelsPath, SeriesSpec spec, string? labelColumn,
        IReadOnlyList<string> channels, SampleRoom? room = null) => Guarded(path, () =>
    {
        if (labelsPath is null) return ReadTraining(path, spec with { Channels = channels }, labelColumn, room).Samples;
        var table = SeriesTable.Read(path);
        var units = UnitsOf(table, spec);
        var labels = SeriesTable.Read(labelsPath);
        if (labels.Columns.Count != 1 || labels.Rows != units.Count)
            throw new FormatException(
                $"{labelsPath} has {labels.Rows} lines of {labels.Columns.Count} columns; it must have one number for each of the "
                    + $"{units.Count} units");
        var most = spec.LimitTest == true ? spec.MaximumRemaining!.Value : double.PositiveInfinity;
        double[] ofUnits = [.. Enumerable.Range(0, labels.Rows).Select(row => Math.Min(most, labels.Value(row, 0)))];
        return Cut(table, spec, channels, labelColumn, [
            .. units.Select(unit => (unit.Number, FormOf(spec).Start(unit.End - unit.Start, 0))),
        ], ofUnits, room);
    });

    private static RawSamples Cut(
        SeriesTable table, SeriesSpec spec, IReadOnlyList<string> channels, string? labelColumn,
        (int Unit, int Start)[] windows, double[]? ofUnits, SampleRoom? room)
    {
        int[] places = [.. channels.Select(table.PlaceOfNumbers)];
        var units = UnitsOf(table, spec);
        var labelPlace = labelColumn is null ? -1 : table.PlaceOf(labelColumn);
        var width = channels.Count * spec.Window;
        var form = FormOf(spec);
        var inputs = (room ?? SampleRoom.Memory).Take((long)windows.Length * width);
        var labels = new double[windows.Length];
        foreach (var (number, (unit, start)) in windows.Index())
        {
            var begin = units[unit].Start;
            form.Write(start, places.Length, (row, channel) => table.Value(begin + row, places[channel]),
                inputs.Part((long)number * width, width));
            var last = begin + start + spec.Window - 1;
            labels[number] = ofUnits is not null ? ofUnits[unit]
                : spec.MaximumRemaining is { } most ? Math.Min(most, units[unit].End - 1 - last)
                : spec.Label == WindowLabel.Majority
                    ? Majority(table, labelPlace, begin + Math.Max(0, start), last)
                : table.Value(last, labelPlace);
        }
        // Words of windows, not of rows: one that labels no window is no class.
        var read = table.Words.TryGetValue(labelPlace, out var words) && ofUnits is null
            ? RawLabels.Named([.. labels.Select(label => words[(int)label])])
            : new RawLabels(labels)
            {
                Whole = spec.MaximumRemaining is null && Array.TrueForAll(labels, label => label == Math.Floor(label)),
            };
        return new RawSamples(table.Path, inputs, [channels.Count, spec.Window], read)
        {
            ChannelNames = channels,
            Origins = [.. windows.Select(window => window.Unit)],
        };
    }

    private static WindowForm FormOf(SeriesSpec spec) => new()
    {
        Length = spec.Window,
        Step = spec.Step,
        Minimum = spec.MinimumRows ?? spec.Window,
        Padding = WindowPadding.FirstRow,
    };

    // Pieces hold at least five windows, so that few are lost at their ends.
    private static IReadOnlyList<(int Number, int Start, int End)> UnitsOf(SeriesTable table, SeriesSpec spec)
        => table.Units(spec.Unit, WindowsOfPiece * spec.Window);

    private static double Majority(SeriesTable table, int place, int first, int last)
        => Enumerable.Range(first, last - first + 1).Reverse().CountBy(row => table.Value(row, place)).MaxBy(label => label.Value).Key;

    private static string[] Changing(SeriesTable table, IReadOnlyList<string> without)
    {
        int[] left = [.. without.Select(table.PlaceOf)];
        string[] changing = [.. table.Columns.Where((_, place) => !left.Contains(place) && table.Changes(place))];
        foreach (var column in changing) table.PlaceOfNumbers(column);
        return changing.Length > 0 ? changing : throw new FormatException("none of its columns changes: there is nothing to learn from");
    }

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            throw new BuildException($"Data file {path}: {e.Message}.", e);
        }
    }
}
