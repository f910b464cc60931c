using System.Globalization;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Display;

/// <summary>The head of a search's leaderboard.</summary>
internal static class SearchTable
{
    /// <summary>Students that are shown; the page and the JSON have all.</summary>
    private const int MostRows = 8;

    public static void Write(Shell screen, BuildReport report)
    {
        if (report.Search is not { } search) return;
        var invariant = CultureInfo.InvariantCulture;
        screen.WriteSentence($"{search.Trials.Count} students were judged on {search.HeldOut}, in "
            + $"{DurationText.Of(TimeSpan.FromSeconds(search.ProcessorSeconds))} of processor time; the samples that test were not looked "
            + "at.");
        var title = search.Trials.Select(trial => trial.Rungs is [.., var final] ? final.Figure.Title() : null)
            .FirstOrDefault(name => name is not null);
        var table = new Sheet(
            "student", "samples?", "learns from?", ">bits?", ">rate?", ">size", ">p95 ms?", ">round", ">steps?",
            $">{(title ?? "figure").ToLowerInvariant()}", ">error?", ">loss", "", "timed on?");
        foreach (var trial in search.Trials.Take(MostRows))
        {
            var last = trial.Rungs is [.., var reached] ? reached : null;
            table.Add(trial.Name, trial.Augmentation ?? "", trial.LearnsFrom ?? "", trial.WeightBits?.ToString(invariant) ?? "",
                trial.LearningRate.ToString("0.####", invariant), Figures.Bytes(trial.Bytes),
                Figures.BareMilliseconds(trial.LatencyP95), last is null ? Figures.None : Figures.Count(last.Number),
                last is null ? Figures.None : Figures.Count(last.Steps), last?.Figure.Text() ?? Figures.None,
                last?.Error.ToString("0.0000", invariant) ?? Figures.None, last?.Loss.ToString("0.0000", invariant) ?? Figures.None,
                trial.Chosen ? new Cell("* built", Tone.Good) : new Cell(""), trial.Timed?.Device ?? "");
        }
        screen.Write(table);
        if (search.Trials.Count > MostRows)
            screen.WriteHint($"{search.Trials.Count - MostRows} more are on the page and in the JSON.");
        foreach (var note in search.Notes) screen.WriteSentence(note);
        screen.WriteLine();
    }
}
