using Fleet.Cli.Terminal;
using Fleet.Contracts.Builds;

namespace Fleet.Cli.Commands;

/// <summary>What a student may cost, as people write it: a size, a duration, or both, as <c>50kB,5ms</c>.</summary>
internal static class BudgetText
{
    /// <summary>Reads a budget.</summary>
    /// <param name="text">What was written.</param>
    /// <param name="refuse">Told what is wrong with it.</param>
    /// <returns>The budget; null where it was refused.</returns>
    public static StudentBudget? Parse(string text, Action<string> refuse)
    {
        var budget = new StudentBudget();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (DurationText.TryParse(part, out var latency))
            {
                if (budget.MaximumLatencyP95 is not null) return Refused($"Budget '{text}' names two durations; one is the limit.");
                budget = budget with { MaximumLatencyP95 = latency };
            }
            // A number alone may be either: nothing is guessed.
            else if (part is [.., not (>= '0' and <= '9')] && Waves.ParseBytes(part, _ => { }) is { } bytes)
            {
                if (budget.MaximumBytes is not null) return Refused($"Budget '{text}' names two sizes; one is the limit.");
                budget = budget with { MaximumBytes = bytes };
            }
            else
            {
                return Refused($"Budget '{text}' is not understood: '{part}' is neither a size such as 50kB nor a duration such as 5ms; "
                    + "write 50kB, 5ms, or 50kB,5ms.");
            }
        }
        return budget;

        StudentBudget? Refused(string problem)
        {
            refuse(problem);
            return null;
        }
    }
}
