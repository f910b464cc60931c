using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Search;

/// <summary>
/// Shortens what is trained after a search, so that the whole build holds the minutes that were asked for: the learning rate falls to zero
/// over the shorter course, which a training that is merely stopped would not have. Pure.
/// </summary>
internal static class FinalCourse
{
    /// <summary>Shares of the minutes for the search and for training; the rest is for simple models and variants.</summary>
    public const double SearchShare = 0.4, TrainingShare = 0.45;

    /// <summary>Seconds that a search, and as much a training, may take however short the minutes are.</summary>
    public const double LeastSeconds = 24;

    /// <summary>What the search may take of so many seconds.</summary>
    public static double SearchSeconds(double seconds) => Math.Max(SearchShare * seconds, Math.Min(seconds, LeastSeconds));

    /// <summary>What the trainings behind it may take, of which it took <paramref name="spent"/> seconds.</summary>
    public static double TrainingSeconds(double seconds, double spent)
        => Math.Max(LeastSeconds, TrainingShare * seconds + Math.Max(0, SearchSeconds(seconds) - spent));

    /// <summary>The epochs of each training that there is time for: all of them, or of each the same share and at least one.</summary>
    /// <param name="trainings">Epochs of each and what one takes in seconds.</param>
    /// <param name="available">Seconds for all of them.</param>
    public static int[] Epochs(IReadOnlyList<(int Epochs, double Seconds)> trainings, double available)
    {
        var expected = trainings.Sum(training => training.Epochs * training.Seconds);
        var share = expected <= available ? 1 : available / expected;
        return [.. trainings.Select(training => Math.Max(1, (int)(share * training.Epochs + 1e-9)))];
    }

    /// <summary>The training with so many epochs.</summary>
    public static TrainingSpec Of(TrainingSpec training, int epochs) => training with
    {
        Epochs = epochs,
        StopAfter = training.StopAfter is { } stop ? Math.Min(stop, epochs) : null,
    };
}
