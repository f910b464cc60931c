using System.Diagnostics;
using Fleet.Agent.Inference;
using Fleet.Contracts.Validation;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Validation;

/// <summary>
/// Runs every sample of a validation set once, timing each run and judging what it gives by the task: latency and the task's
/// figures rest on the same real inputs. Copying samples in is not timed.
/// </summary>
internal static class VariantMeasurement
{
    /// <summary>Runs before the first timed one: they fill caches and let the arena grow.</summary>
    private const int WarmUpRuns = 10;

    /// <summary>Timed runs a p99 needs to be more than the maximum. A smaller set is gone through again.</summary>
    private const int WantedRuns = 200;

    /// <summary>Time after which a small set is not gone through again: a slow model has fewer timed runs instead.</summary>
    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(2), RepeatTime = TimeSpan.FromSeconds(10);

    /// <summary>Measures a variant.</summary>
    /// <returns>Its scores, and the processor time of one run, all threads together and judging included.</returns>
    /// <exception cref="ModelRefusedException">It does not run on the samples, or its outputs cannot be judged by its task.</exception>
    public static (Scores Scores, TimeSpan ProcessorTime) Run(OnnxSession session, ValidationSamples samples, VariantJudge judge)
    {
        try
        {
            var start = Stopwatch.GetTimestamp();
            samples.Fill(0);
            for (var i = 0; i < WarmUpRuns && Stopwatch.GetElapsedTime(start) < WarmUpTime; i++)
                session.Run(samples.Names, samples.Tensors, judge.Outputs).Dispose();

            start = Stopwatch.GetTimestamp();
            var before = Environment.CpuUsage.TotalTime;
            var latencies = new List<TimeSpan>();
            for (var first = 0; first < samples.Count; first += samples.Batch)
            {
                using var outputs = Timed(session, samples, judge, first, latencies);
                judge.Add(outputs, Math.Min(samples.Batch, samples.Count - first));
            }
            for (var next = 0; latencies.Count < WantedRuns && Stopwatch.GetElapsedTime(start) < RepeatTime; next += samples.Batch)
                Timed(session, samples, judge, next % samples.Count, latencies).Dispose();
            var processor = (Environment.CpuUsage.TotalTime - before) / latencies.Count;

            latencies.Sort();
            return (judge.Scores() with
            {
                Latency = new LatencySummary(Percentile(latencies, 0.50), Percentile(latencies, 0.95), Percentile(latencies, 0.99)),
            }, processor);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelRefusedException($"ONNX Runtime could not run the model on the validation set: {e.Message}", e);
        }
    }

    /// <summary>The smallest value that a share <paramref name="quantile"/> of the sorted values does not exceed (nearest rank).</summary>
    internal static TimeSpan Percentile(IReadOnlyList<TimeSpan> sorted, double quantile)
        => sorted[Math.Max(0, (int)Math.Ceiling(quantile * sorted.Count) - 1)];

    private static IDisposableReadOnlyCollection<OrtValue> Timed(
        OnnxSession session, ValidationSamples samples, VariantJudge judge, int first, List<TimeSpan> latencies)
    {
        samples.Fill(first);
        var start = Stopwatch.GetTimestamp();
        var outputs = session.Run(samples.Names, samples.Tensors, judge.Outputs);
        latencies.Add(Stopwatch.GetElapsedTime(start));
        return outputs;
    }
}
