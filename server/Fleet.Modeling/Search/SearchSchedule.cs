namespace Fleet.Modeling.Search;

/// <summary>
/// Successive halving (Jamieson, Talwalkar, arXiv 1502.07943): all candidates are trained a little, the better half twice as long, until
/// one is left. Pure: no clock.
/// </summary>
internal static class SearchSchedule
{
    /// <summary>Fewer steps than these tell candidates apart by chance.</summary>
    public const int FewestSteps = 64;

    /// <summary>The field of the last rung: two that are compared at full length.</summary>
    private const int Finalists = 2;

    /// <summary>How many candidates each rung has, the first with all of them.</summary>
    public static IReadOnlyList<int> Fields(int candidates)
    {
        var fields = new List<int> { candidates };
        while (fields[^1] > Finalists) fields.Add(Math.Max(Finalists, (fields[^1] + 1) / 2));
        return fields;
    }

    /// <summary>Steps of a rung: twice those of the rung before, the full course in the last.</summary>
    /// <param name="rung">Number of the rung, from 0.</param>
    /// <param name="rungs">Rungs in all.</param>
    /// <param name="course">Steps of a full training.</param>
    public static int Steps(int rung, int rungs, int course) => Math.Max(Math.Min(FewestSteps, course), course >> (rungs - 1 - rung));

    /// <summary>Which of a field are trained, and for how many steps, in the time there is.</summary>
    /// <param name="secondsPerStep">Expected processor time of one step of all trainings of a candidate, the best candidate first.</param>
    /// <param name="steps">Steps that are wanted; halved as often as it takes.</param>
    /// <param name="seconds">Processor time of the rung.</param>
    /// <returns>Steps of each, and how many of the field are trained: all of them, or as many as there is time for at the fewest steps, and
    /// at least one.</returns>
    public static (int Steps, int Count) Within(IReadOnlyList<double> secondsPerStep, int steps, double seconds)
    {
        var all = secondsPerStep.Sum();
        while (steps / 2 >= FewestSteps && all * steps > seconds) steps /= 2;
        var (count, spent) = (0, 0.0);
        foreach (var one in secondsPerStep)
        {
            spent += one * steps;
            if (count > 0 && spent > seconds) break;
            count++;
        }
        return (steps, count);
    }

    /// <summary>Steps and number of lessons that there is time for: all of them if possible, each with as many steps as possible.</summary>
    /// <param name="seconds">Expected processor time of so many lessons of so many steps.</param>
    /// <param name="course">Steps of a full training.</param>
    /// <param name="halvings">How often they are halved at most, and not below the fewest.</param>
    /// <param name="lessons">Lessons in all.</param>
    /// <param name="available">Processor time that there is.</param>
    /// <returns>Null where there is no time for two.</returns>
    public static (int Steps, int Count)? Lessons(
        Func<int, int, double> seconds, int course, int halvings, int lessons, double available)
    {
        for (var rung = halvings; rung >= 0; rung--)
            if (Steps(rung, halvings + 1, course) is var steps && seconds(steps, lessons) <= available) return (steps, lessons);
        var fewest = Steps(0, halvings + 1, course);
        for (var fewer = lessons - 1; fewer >= 2; fewer--)
            if (seconds(fewest, fewer) <= available) return (fewest, fewer);
        return null;
    }
}
