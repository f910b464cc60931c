using System.Diagnostics;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// Times one inference at batch 1. Models are compared call by call in one process, so that whatever else the machine does falls
/// on all of them alike.
/// </summary>
internal static class LatencyRun
{
    /// <summary>Calls before measuring: caches, memory and frequency settle.</summary>
    private const int WarmUpCalls = 20;

    /// <summary>
    /// After this time together, and two calls each, slow models are warm as well: the runtime plans memory in the first and uses the plan
    /// in the second.
    /// </summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <summary>Most measured calls of each model; enough for a 99th percentile.</summary>
    private const int MaximumCalls = 500;

    /// <summary>Fewest measured calls of each model, however slow.</summary>
    private const int MinimumCalls = 30;

    /// <summary>After this time no further round begins.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    /// <summary>The latency of each of <paramref name="sessions"/> on the same sample, measured in turns.</summary>
    public static IReadOnlyList<LatencySummary> Measure(
        IReadOnlyList<InferenceSession> sessions, IFeedSource source, CancellationToken cancellationToken)
        => Measure([.. sessions.Select(session => (session, source))], cancellationToken);

    /// <summary>The latency of each model on the first sample of its source, measured in turns.</summary>
    public static IReadOnlyList<LatencySummary> Measure(
        IReadOnlyList<(InferenceSession Session, IFeedSource Samples)> models, CancellationToken cancellationToken)
    {
        var feeds = models.Select(model => model.Samples.Batches(1).First()).ToArray();
        using var options = new RunOptions();
        var times = models.Select(_ => new List<TimeSpan>(MaximumCalls)).ToArray();
        void Call(int i) => models[i].Session.Run(options, feeds[i].Names, feeds[i].Values, models[i].Session.OutputNames).Dispose();
        try
        {
            var began = Stopwatch.GetTimestamp();
            for (var round = 0; round < WarmUpCalls && (round < 2 || Stopwatch.GetElapsedTime(began) < WarmUp); round++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                for (var i = 0; i < models.Count; i++) Call(i);
            }
            for (var round = 0; round < MaximumCalls && (round < MinimumCalls || Stopwatch.GetElapsedTime(began) < Budget); round++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                for (var i = 0; i < models.Count; i++)
                {
                    var call = Stopwatch.GetTimestamp();
                    Call(i);
                    times[i].Add(Stopwatch.GetElapsedTime(call));
                }
            }
        }
        finally
        {
            foreach (var feed in feeds) feed.Dispose();
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
