using System.Globalization;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Display;

/// <summary>What a student does with each class, and how far its confidence can be believed.</summary>
internal static class ClassTable
{
    /// <summary>Of more classes the worst are shown.</summary>
    private const int MostRows = 12;

    public static void Write(Shell screen, BuildReport report)
    {
        WriteLabels(screen, report);
        if (report.Student.Decisions is not { } student || student.Classes.Count != report.Classes.Count) return;
        Cell[] Beside(Cell teacher) => report.Teacher is null ? [] : [teacher];
        var table = new Sheet(["class", ">training", ">test", ">recall", ">precision",
            .. report.Teacher is null ? Array.Empty<string>() : [">teacher?"], "most taken for?"]);
        var isCut = report.Classes.Count > MostRows;
        foreach (var (number, figures) in student.Classes.Index().OrderBy(one => isCut ? one.Item.Recall : 0).Take(MostRows))
        {
            var teacher = report.Teacher?.Decisions?.Classes.ElementAtOrDefault(number)?.Recall;
            table.Add([report.Classes[number],
                report.ClassCounts.ElementAtOrDefault(number) is { } counts ? Figures.Count(counts.Training) : Figures.None,
                Figures.Count(figures.Samples), Figures.Percent(figures.Recall), Figures.Percent(figures.Precision),
                .. Beside(Figures.Percent(teacher)),
                student.MostTakenFor(number) is { } other ? $"{report.Classes[other.Decided]} ({other.Samples})" : ""]);
        }
        screen.Write(table);
        if (isCut) screen.WriteSentence($"These {MostRows} of {report.Classes.Count} classes are found least.");
        var invariant = CultureInfo.InvariantCulture;
        screen.WriteSentence(string.Create(invariant,
            $"Balanced accuracy {Figures.Percent(student.BalancedAccuracy)}; confidence: calibration error "
                + $"{Figures.Percent(student.CalibrationError)}, negative log likelihood {student.NegativeLogLikelihood:0.000}")
            + (student is { Temperature: { } temperature, CalibrationErrorAfter: { } after }
                ? string.Create(invariant, $"; with a temperature of {temperature:0.00} the error is {Figures.Percent(after)}")
                : "") + ".");
        screen.WriteLine();
    }

    private static void WriteLabels(Shell screen, BuildReport report)
    {
        var student = report.Student.Labels;
        if (student.Count == 0 || student.Count != report.Classes.Count) return;
        var taught = report.Teacher?.Labels;
        var table = new Sheet(["label", ">training", ">test", ">recall", ">precision", ">F1", ">average precision",
            .. taught is { Count: > 0 } ? [">teacher F1?"] : Array.Empty<string>()]);
        var isCut = student.Count > MostRows;
        foreach (var (number, figures) in student.Index().OrderBy(one => isCut ? one.Item.F1 ?? 2 : 0).Take(MostRows))
            table.Add([report.Classes[number],
                report.ClassCounts.ElementAtOrDefault(number) is { } counts ? Figures.Count(counts.Training) : Figures.None,
                Figures.Count(figures.Samples), Figures.Percent(figures.Recall), Figures.Percent(figures.Precision),
                Figures.Percent(figures.F1), Figures.Percent(figures.AveragePrecision),
                .. taught is { Count: > 0 } ? [Figures.Percent(taught[number].F1)] : Array.Empty<Cell>()]);
        screen.Write(table);
        if (isCut) screen.WriteSentence($"These {MostRows} of {student.Count} labels are found least.");
        screen.WriteLine();
    }
}
