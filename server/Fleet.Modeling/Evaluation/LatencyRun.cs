using System.Diagnostics;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Evaluation;

/// <summary>
/// Times one inference at batch 1. Models are compared call by call in one process, so that whatever else the machine does falls
/// on all of them alike.
/// </summary>
internal static class LatencyRun
{
    /// <summary>Calls before measuring: caches, memory and frequency settle.</summary>
    private const int WarmUpCalls = 20;

    /// <summary>Most measured calls of each model; enough for a 99th percentile.</summary>
    private const int MaximumCalls = 500;

    /// <summary>Fewest measured calls of each model, however slow.</summary>
    private const int MinimumCalls = 30;

    /// <summary>After this time no further round begins.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    /// <summary>The latency of each of <paramref name="sessions"/>, measured in turns.</summary>
    public static IReadOnlyList<LatencySummary> Measure(IReadOnlyList<InferenceSession> sessions, IFeedSource source, CancellationToken cancellationToken)
    {
        using var feed = source.Batches(1).First();
        using var options = new RunOptions();
        var times = sessions.Select(_ => new List<TimeSpan>(MaximumCalls)).ToArray();
        void Call(InferenceSession session) => session.Run(options, feed.Names, feed.Values, session.OutputNames).Dispose();

        var began = Stopwatch.GetTimestamp();
        for (var round = 0; round < WarmUpCalls + MaximumCalls; round++)
        {
            if (round >= WarmUpCalls + MinimumCalls && Stopwatch.GetElapsedTime(began) > Budget) break;
            cancellationToken.ThrowIfCancellationRequested();
            for (var i = 0; i < sessions.Count; i++)
            {
                var call = Stopwatch.GetTimestamp();
                Call(sessions[i]);
                if (round >= WarmUpCalls) times[i].Add(Stopwatch.GetElapsedTime(call));
            }
        }
        return [.. times.Select(Summary)];
    }

    private static LatencySummary Summary(List<TimeSpan> times)
    {
        times.Sort();
        TimeSpan At(double share) => times[Math.Min(times.Count - 1, (int)(share * times.Count))];
        return new LatencySummary(At(0.5), At(0.95), At(0.99));
    }
}
