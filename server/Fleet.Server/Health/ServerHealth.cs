using System.Collections.Concurrent;

namespace Fleet.Server.Health;

/// <summary>
/// What is wrong with this server now, as <c>/health</c> tells it: a sentence for each subject, gone when the subject recovers.
/// </summary>
internal sealed class ServerHealth
{
    private readonly ConcurrentDictionary<string, string> _problems = new();

    /// <summary>What is wrong now, in order of subject; empty when nothing is.</summary>
    public IReadOnlyList<string> Problems
        => [.. _problems.OrderBy(problem => problem.Key, StringComparer.Ordinal).Select(problem => problem.Value)];

    /// <summary>Says that a subject is in trouble; a later report about it replaces this one.</summary>
    /// <param name="subject">What is in trouble, in one word, the same each time.</param>
    /// <param name="problem">What is wrong, in a sentence for whoever is called at night.</param>
    public void Report(string subject, string problem) => _problems[subject] = problem;

    /// <summary>Says that a subject is well again.</summary>
    public void Clear(string subject) => _problems.TryRemove(subject, out _);
}
