using System.Collections.Concurrent;
using Fleet.Contracts.Http;

namespace Fleet.Server.Health;

/// <summary>
/// What is wrong now, as <c>/health</c> tells it. A problem is one of this server: it answers 503 for as long as it lasts. A warning is for
/// whoever looks after the fleet: the server works. Whatever follows from what devices say or do is a <see cref="DeviceFinding"/> and so a
/// warning, for no device may take the server out of service.
/// </summary>
internal sealed class ServerHealth
{
    private readonly ConcurrentDictionary<string, string> _problems = new();
    private readonly ConcurrentDictionary<string, string> _warnings = new();
    private readonly ConcurrentDictionary<string, DeviceFinding> _findings = new();

    /// <summary>What is wrong with this server now, in order of subject; empty when nothing is.</summary>
    public IReadOnlyList<string> Problems
        => [.. _problems.OrderBy(problem => problem.Key, StringComparer.Ordinal).Select(problem => problem.Value)];

    /// <summary>What somebody should look at while the server works, in order of subject.</summary>
    public IReadOnlyList<HealthWarning> Warnings
        =>
        [
            .. _warnings.Select(each => (each.Key, Warning: new HealthWarning(each.Value, 0, [])))
                .Concat(_findings.Select(each => (each.Key, Warning: each.Value.Warning()!)))
                .Where(each => each.Warning is not null)
                .OrderBy(each => each.Key, StringComparer.Ordinal)
                .Select(each => each.Warning),
        ];

    /// <summary>Says that a subject of this server is in trouble; a later report about it replaces this one.</summary>
    /// <param name="subject">What is in trouble, in one word, the same each time.</param>
    /// <param name="problem">What is wrong, in a sentence for whoever is called at night.</param>
    public void Report(string subject, string problem)
    {
        _problems[subject] = problem;
        _warnings.TryRemove(subject, out _);
    }

    /// <summary>Says that a subject will need somebody, while everything works as yet; it replaces a report, as that replaces it.</summary>
    /// <param name="subject">What it is about, in one word, the same each time.</param>
    /// <param name="warning">What it needs, in a sentence.</param>
    public void Warn(string subject, string warning)
    {
        _warnings[subject] = warning;
        _problems.TryRemove(subject, out _);
    }

    /// <summary>Says that a subject is well again.</summary>
    public void Clear(string subject)
    {
        _problems.TryRemove(subject, out _);
        _warnings.TryRemove(subject, out _);
    }

    /// <summary>Tells of something from now on that is found about devices.</summary>
    /// <param name="subject">What it is about, in one word.</param>
    /// <param name="sentence">What it is and what to do, for so many devices.</param>
    public DeviceFinding Finding(string subject, Func<int, string> sentence) => _findings[subject] = new DeviceFinding(sentence);
}
