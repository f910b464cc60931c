using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Calibration;

/// <summary>
/// Counts the values that activations take over the calibration samples. Samples are streamed and each activation keeps one
/// histogram: memory grows with the model, not with the samples. Values may lie inside <c>If</c>, <c>Loop</c> and <c>Scan</c>: one that no
/// sample reaches is never counted.
/// </summary>
internal static class CalibrationRun
{
    /// <summary>
    /// Most bytes of activations held at once. Batches shrink to keep within it; what one sample alone exceeds it by takes further
    /// runs over the samples, which cost a heavy network far more than small batches do.
    /// </summary>
    private const long ActivationBytes = 256L << 20;

    /// <summary>Values whose sizes are looked at in one run.</summary>
    private const int SizedTogether = 64;

    /// <summary>Histograms of <paramref name="values"/> over every sample of <paramref name="source"/>.</summary>
    /// <param name="model">The prepared float model.</param>
    /// <param name="values">Inputs or inner values of the graph.</param>
    /// <param name="source">The samples.</param>
    /// <param name="batchSize">Most samples in one run.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    /// <exception cref="InvalidDataException">A value is not finite; the message names it.</exception>
    public static IReadOnlyDictionary<string, Histogram> Count(
        ModelProto model, IReadOnlyCollection<string> values, IFeedSource source, int batchSize, CancellationToken cancellationToken)
    {
        var histograms = values.ToDictionary(value => value, _ => new Histogram());
        Observe(model, values, source, batchSize, (name, value) => Count(name, value, histograms), cancellationToken);
        return histograms;
    }

    /// <summary>Shows every value of every sample to <paramref name="see"/>, holding no more of them at once than fits.</summary>
    public static void Observe(
        ModelProto model, IReadOnlyCollection<string> values, IFeedSource source, int batchSize, Action<string, OrtValue> see,
        CancellationToken cancellationToken)
    {
        if (values.Count == 0) return;
        var observed = model.Clone();
        var shown = InnerValues.Show(observed, values).ToDictionary(pair => pair.Value, pair => pair.Key);
        Output(observed, shown.Keys);
        using var session = OnnxRuntimeSession.Open(observed, "the model to calibrate");
        var sizes = Sizes(session, shown.Keys, source);
        var batch = (int)Math.Clamp(ActivationBytes / Math.Max(1, sizes.Sum(size => size.Bytes)), 1, batchSize);
        foreach (var group in Groups(sizes))
        {
            foreach (var feed in source.Batches(batch))
            {
                using (feed)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Observe(session, feed, group, (name, value) => see(shown[name], value));
                }
            }
        }
    }

    /// <summary>Makes values of a model's main graph outputs.</summary>
    private static void Output(ModelProto model, IEnumerable<string> values)
    {
        var present = new HashSet<string>(model.Graph.Output.Concat(model.Graph.Input).Select(value => value.Name));
        model.Graph.Output.AddRange(
            values.Where(value => !present.Contains(value)).Select(value => new ValueInfoProto { Name = value }));
    }

    private static void Observe(InferenceSession session, Feed feed, IReadOnlyCollection<string> values, Action<string, OrtValue> see)
    {
        foreach (var (name, input) in feed.Names.Zip(feed.Values).Where(pair => values.Contains(pair.First))) see(name, input);
        string[] asked = [.. values.Where(value => !feed.Names.Contains(value))];
        using var options = new RunOptions();
        using var results = feed.Run(session, options, asked);
        for (var i = 0; i < asked.Length; i++) see(asked[i], results[i]);
    }

    private static void Count(string name, OrtValue value, Dictionary<string, Histogram> histograms)
    {
        try
        {
            histograms[name].Add(value.GetTensorDataAsSpan<float>());
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException(
                $"Value '{name}' is not a finite number for a calibration sample: look for NaN or infinity in the samples.", e);
        }
    }

    /// <summary>Values that are read in one pass over the samples, so that those of a sample fit <see cref="ActivationBytes"/>.</summary>
    private static IEnumerable<IReadOnlyCollection<string>> Groups(IEnumerable<(string Value, long Bytes)> sizes)
    {
        var group = new HashSet<string>();
        var bytes = 0L;
        foreach (var (value, size) in sizes)
        {
            if (group.Count > 0 && bytes + size > ActivationBytes)
            {
                yield return group;
                (group, bytes) = ([], 0);
            }
            group.Add(value);
            bytes += size;
        }
        yield return group;
    }

    private static List<(string Value, long Bytes)> Sizes(InferenceSession session, IReadOnlyCollection<string> values, IFeedSource source)
    {
        using var feed = source.Batches(1).FirstOrDefault() ?? throw new InvalidDataException("There are no samples to calibrate with.");
        var sizes = feed.Names.Where(values.Contains).Select(name => (name, 0L)).ToList();
        using var options = new RunOptions();
        foreach (var some in values.Where(value => !feed.Names.Contains(value)).Chunk(SizedTogether))
        {
            using var results = session.Run(options, feed.Names, feed.Values, some);
            sizes.AddRange(some.Select((value, i) => (value, results[i].GetTensorTypeAndShape().ElementCount * sizeof(float))));
        }
        return sizes;
    }
}
