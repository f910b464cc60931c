using System.Diagnostics;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>A variant beside the float model: each one's latency, and how the processor times compare.</summary>
/// <param name="Float">The float model's latency.</param>
/// <param name="Variant">The variant's.</param>
/// <param name="Speed">The float model's processor time over the variant's.</param>
internal sealed record TimedPair(LatencySummary Float, LatencySummary Variant, RelativeSpeed Speed);

/// <summary>How long a variant is timed beside the float model.</summary>
/// <param name="Least">Least time, as far as <see cref="LatencyRun.MaximumCalls"/> take as long.</param>
/// <param name="Most">Most time for pairs of calls, where the ratio of the two is not told yet.</param>
/// <param name="Width">It is told where the upper bound of its interval is at most so many times the lower one.</param>
internal sealed record PairTime(TimeSpan Least, TimeSpan Most, double Width)
{
    /// <summary>The time of one of so many loads of the models.</summary>
    public PairTime OfOne(int loads) => new(Least / loads, Most / loads, Width);
}

/// <summary>
/// Times one inference at batch 1. Models are compared call by call in one process, so that whatever else the machine does falls
/// on all of them alike. A call that one thread computes waits for nothing but the processor: where a neighbour has that for a while,
/// some milliseconds each time, it is not of the model, and is left out. A call of several threads is timed on the wall.
/// </summary>
internal static class LatencyRun
{
    /// <summary>Calls before measuring: caches, memory and frequency settle.</summary>
    private const int WarmUpCalls = 20;

    /// <summary>
    /// After this time together, and two calls each, slow models are warm as well: the runtime plans memory in the first and uses the plan
    /// in the second.
    /// </summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.25);

    /// <summary>Most measured calls of each model; enough for a 99th percentile.</summary>
    public const int MaximumCalls = 500;

    /// <summary>Fewest measured calls of each model, however slow.</summary>
    private const int MinimumCalls = 20;

    /// <summary>After this time no further round begins.</summary>
    private static readonly TimeSpan Budget = TimeSpan.FromSeconds(4);

    /// <summary>Most pairs of calls, where the ratio of two models is not yet told.</summary>
    private const int MaximumPairs = 20_000;

    /// <summary>Least time for pairs of calls: some hundred of a tiny model are over before a busy machine has shown that it is.</summary>
    private static readonly TimeSpan LeastPairTime = TimeSpan.FromSeconds(0.3);

    /// <summary>Pairs between looks at the interval, and between those at slow models, of which each costs more than a look.</summary>
    private const int PairsBetweenLooks = 50, SlowPairsBetweenLooks = 5;

    /// <summary>A pair that takes longer is slow.</summary>
    private static readonly TimeSpan SlowPair = TimeSpan.FromMilliseconds(5);

    /// <summary>The latency of each of <paramref name="sessions"/> on the same sample, measured in turns.</summary>
    public static IReadOnlyList<LatencySummary> Measure(
        IReadOnlyList<InferenceSession> sessions, IFeedSource source, CancellationToken cancellationToken)
        => Measure([.. sessions.Select(session => (session, source))], cancellationToken);

    /// <summary>The latency of each model on the first sample of its source, measured in turns.</summary>
    public static IReadOnlyList<LatencySummary> Measure(
        IReadOnlyList<(InferenceSession Session, IFeedSource Samples)> models, CancellationToken cancellationToken)
    {
        using var turns = new Turns(models, everyThread: false, Budget);
        turns.Take((_, _) => false, cancellationToken);
        return [.. turns.Latencies.Select(Summary)];
    }

    /// <summary>A variant beside the float model; pairs of calls are added until their ratio is told, or time is up.</summary>
    /// <param name="original">The float model.</param>
    /// <param name="variant">The variant.</param>
    /// <param name="samples">What they run on.</param>
    /// <param name="everyThread">True where one of them computes on threads of its own, which count.</param>
    /// <param name="time">How long.</param>
    /// <param name="cancellationToken">Stops between calls.</param>
    public static TimedPair Pair(
        InferenceSession original, InferenceSession variant, IFeedSource samples, bool everyThread, PairTime time,
        CancellationToken cancellationToken)
    {
        using var turns = new Turns([(original, samples), (variant, samples)], everyThread, time.Least);
        RelativeSpeed Speed()
            => RelativeSpeed.Of([.. turns.Cpu[0].Zip(turns.Cpu[1], (ofFloat, own) => (double)ofFloat / Math.Max(1, own))]);
        turns.Take((rounds, elapsed) => rounds < MaximumPairs && elapsed < time.Most
            && (elapsed < LeastPairTime || rounds % (elapsed > rounds * SlowPair ? SlowPairsBetweenLooks : PairsBetweenLooks) != 0
                || Speed().Width > time.Width), cancellationToken);
        return new TimedPair(Summary(turns.Latencies[0]), Summary(turns.Latencies[1]), Speed());
    }

    private static LatencySummary Summary(List<TimeSpan> times)
    {
        times.Sort();
        TimeSpan At(double share) => times[Math.Min(times.Count - 1, (int)(share * times.Count))];
        return new LatencySummary(At(0.5), At(0.95), At(0.99));
    }

    /// <summary>Calls of several models in turns, and what each took.</summary>
    private sealed class Turns(
        IReadOnlyList<(InferenceSession Session, IFeedSource Samples)> models, bool everyThread, TimeSpan usual) : IDisposable
    {
        private readonly Feed[] _feeds = [.. models.Select(model => model.Samples.Batches(1).First())];
        private readonly RunOptions _options = new();

        /// <summary>By model, how long each call took.</summary>
        public IReadOnlyList<List<TimeSpan>> Latencies { get; } = [.. models.Select(_ => new List<TimeSpan>(MaximumCalls))];

        /// <summary>By model, nanoseconds of processor time of each call.</summary>
        public IReadOnlyList<List<long>> Cpu { get; } = [.. models.Select(_ => new List<long>(MaximumCalls))];

        /// <summary>Warms up and calls, beyond the usual rounds while <paramref name="more"/> are asked for.</summary>
        public void Take(Func<int, TimeSpan, bool> more, CancellationToken cancellationToken)
        {
            var began = Stopwatch.GetTimestamp();
            for (var round = 0; round < WarmUpCalls && (round < 2 || Stopwatch.GetElapsedTime(began) < WarmUp); round++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                for (var i = 0; i < models.Count; i++) Call(i);
            }
            for (var round = 0; IsUsual(round, began) || more(round, Stopwatch.GetElapsedTime(began)); round++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                for (var i = 0; i < models.Count; i++)
                {
                    var (wall, cpu) = (Stopwatch.GetTimestamp(), CpuClock.Now(everyThread));
                    Call(i);
                    var (spent, elapsed) = (CpuClock.Now(everyThread) - cpu, Stopwatch.GetElapsedTime(wall));
                    Cpu[i].Add(spent);
                    var computed = CpuClock.Between(0, spent);
                    Latencies[i].Add(!everyThread && computed < elapsed ? computed : elapsed);
                }
            }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            foreach (var feed in _feeds) feed.Dispose();
            _options.Dispose();
        }

        private bool IsUsual(int round, long began)
            => round < MaximumCalls && (round < MinimumCalls || Stopwatch.GetElapsedTime(began) < usual);

        private void Call(int i)
            => models[i].Session.Run(_options, _feeds[i].Names, _feeds[i].Values, models[i].Session.OutputNames).Dispose();
    }
}
