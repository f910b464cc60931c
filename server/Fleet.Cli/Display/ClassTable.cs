using System.Globalization;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;

namespace Fleet.Cli.Display;

/// <summary>What a student does with each class, and how far its confidence can be believed.</summary>
internal static class ClassTable
{
    /// <summary>Of more classes the worst are shown.</summary>
    private const int MostRows = 12;

    public static void Write(Shell screen, BuildReport report)
    {
        WriteLabels(screen, report);
        WriteAnomalies(screen, report.Student);
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
        if (student.Rarest is { } rarest)
            screen.WriteSentence($"'{report.Classes[rarest.Class]}', the rarest class, is told from all others with an average "
                + $"precision of {Figures.Percent(rarest.AveragePrecision)} ({Figures.Count(rarest.Samples)} test samples).");
        screen.WriteLine();
    }

    private static void WriteAnomalies(Shell screen, NetworkReport student)
    {
        if (student.Anomalies is not { } figures) return;
        if (figures.Kinds.Count > 0)
        {
            var table = new Sheet("figure", ">student", ">95 %");
            foreach (var figure in student.Scores.Metrics.Where(figure => !Metric.IsCost(figure.Name)))
            {
                var interval = student.Intervals.FirstOrDefault(one => one.Name == figure.Name);
                table.Add(figure.Title(), Units.Brief(figure.Value, figure.Unit), interval is null ? Figures.None
                    : $"{Units.Brief(interval.Low, figure.Unit)} to {Units.Brief(interval.High, figure.Unit)}");
            }
            screen.Write(table);
            screen.WriteLine();
            var kinds = new Sheet("kind of anomaly", ">test", ">found");
            foreach (var kind in figures.Kinds.OrderBy(kind => figures.Kinds.Count > MostRows ? kind.Recall : 0).Take(MostRows))
                kinds.Add(kind.Name, Figures.Count(kind.Samples), Figures.Percent(kind.Recall));
            screen.Write(kinds);
            if (figures.Kinds.Count > MostRows) screen.WriteSentence($"These {MostRows} of {figures.Kinds.Count} kinds are found least.");
        }
        screen.WriteSentence(string.Create(CultureInfo.InvariantCulture,
            $"Threshold: an error of {figures.Threshold:0.####}, the score 1, found on {figures.ThresholdSamples:N0} normal validation "
                + $"samples for {100 * figures.AskedFalsePositiveRate:0.###} % false positives; "
                + $"{100 * figures.FalsePositiveRate:0.##} % of {figures.Normal:N0} normal test samples are above it."));
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
