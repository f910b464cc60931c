using System.Globalization;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Cli.Display;

/// <summary>What was understood of data, on a terminal of 80 columns.</summary>
internal static class DataTables
{
    /// <summary>Lines of a table; the rest is told by its number, and stands in the JSON.</summary>
    private const int MaximumLines = 12;

    private const int PicturesAside = 3;

    public static void Write(Shell screen, DataReport report)
    {
        var shape = string.Join(" x ", report.SampleShape);
        screen.WriteHeading($"{report.Spec.Kind}: {TaskDefinition.Of(report.Task).Title}, samples of {shape}");
        screen.WriteLine($"{Figures.Count(report.Samples.Training)} training, {Figures.Count(report.Samples.Validation)} validation, "
            + $"{Figures.Count(report.Samples.Test)} test samples{SampleText.Beside(report.Samples)}");
        if (report.Spec.Learned is { } train) screen.WriteSentence($"from {train}{(report.Spec.Test is { } test ? $" and {test}" : "")}");
        if (report.Preprocessing is { } done) screen.WriteSentence(TextOf(done));
        foreach (var note in report.Notes) screen.WriteSentence(note);
        WriteClasses(screen, report);
        WriteRanges(screen, "label", report.Labels);
        WriteRanges(screen, "channel", report.Channels);
        WriteExamples(screen, report.Examples);
    }

    private static string TextOf(Preprocessing done) => done.Width is { } width
        ? $"Pictures become {width}x{done.Height}, {done.Colour.ToString()!.ToLowerInvariant()}, values "
            + $"{string.Join(" to ", (done.Range ?? []).Select(Short))}."
        : $"Sound becomes windows of {Figures.Count(done.Window ?? 0)} samples at {done.SampleRate} Hz"
            + (done.Hop < done.Window ? $", one every {Figures.Count(done.Hop ?? 0)}." : ".");

    private static void WriteClasses(Shell screen, DataReport report)
    {
        var classes = report.Classes;
        if (report.AboutClasses() is not { } about) return;
        screen.WriteLine();
        screen.WriteSentence(about);
        var sheet = new Sheet(report.Task == ModelTask.MultiLabel ? "label" : "class", ">training", ">validation", ">test", "");
        var most = Math.Max(1, classes.Max(one => one.Training));
        // Where all do not fit, the rarest are those to look at.
        ClassCount[] shown = classes.Count <= MaximumLines ? [.. classes] : [.. classes.OrderBy(one => one.Training).Take(MaximumLines)];
        foreach (var one in shown)
            sheet.Add(one.Name, one.Training, one.Validation, one.Test, Charts.Bar(one.Training / (double)most, 20));
        screen.Write(sheet);
        if (shown.Length < classes.Count) screen.WriteHint($"{classes.Count - shown.Length} larger classes are left out; --json has all.");
    }

    private static void WriteRanges(Shell screen, string what, IReadOnlyList<ValueRange> ranges)
    {
        if (ranges.Count == 0) return;
        screen.WriteLine();
        var sheet = new Sheet(what, ">smallest", ">largest", ">mean", ">deviation");
        foreach (var range in ranges.Take(MaximumLines))
            sheet.Add(range.Name, Short(range.Minimum), Short(range.Maximum), Short(range.Mean), Short(range.Deviation));
        screen.Write(sheet);
        if (ranges.Count > MaximumLines)
            screen.WriteHint($"{ranges.Count - MaximumLines} more are left out; --json has up to 256.");
    }

    private static void WriteExamples(Shell screen, IReadOnlyList<SampleView> examples)
    {
        if (examples.Count == 0) return;
        screen.WriteLine();
        var labels = examples.Max(example => example.Label?.Length ?? 0);
        foreach (var row in examples.Where(example => example.Shape.Count == 2).Chunk(PicturesAside)) WritePictures(screen, row);
        foreach (var example in examples.Where(example => example.Shape.Count < 2))
        {
            var drawn = example.Text is { } text ? text[..Math.Min(text.Length, 60)] : Charts.Line(example.Values);
            screen.WriteLine($"{(example.Label ?? "").PadRight(Math.Min(labels, 16))}  {drawn}");
        }
    }

    private static void WritePictures(Shell screen, SampleView[] pictures)
    {
        screen.WriteLine(string.Join("  ", pictures.Select(picture => (picture.Label ?? "").PadRight(picture.Shape[1]))).TrimEnd());
        string[][] drawn = [.. pictures.Select(picture => Charts.Shades(picture.Values, picture.Shape[0], picture.Shape[1]))];
        for (var line = 0; line < drawn.Max(picture => picture.Length); line++)
            screen.WriteLine(string.Join("  ", drawn.Select((picture, i)
                => picture.ElementAtOrDefault(line) ?? new string(' ', pictures[i].Shape[1]))).TrimEnd());
    }

    private static string Short(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
