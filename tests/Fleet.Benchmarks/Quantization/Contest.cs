using System.Diagnostics;
using System.Globalization;
using System.Text;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.TestKit;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Files made of one float model by us and by the peer, judged together: closeness on held-out samples, processor time in
/// turns.
/// </summary>
internal sealed class Contest : IDisposable
{
    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    private static readonly PairTime Pairs = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), 1.03);

    private readonly List<Entry> _entries = [];
    private readonly TemporaryFolder _folder = new();
    private readonly string _model;
    private readonly CancellationToken _cancellationToken;

    /// <param name="model">The float model.</param>
    /// <param name="calibration">Samples that fix ranges.</param>
    /// <param name="validation">Samples that judge; none of those that fix ranges.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public Contest(string model, IFeedSource calibration, IFeedSource validation, CancellationToken cancellationToken)
    {
        (_model, Calibration, Validation, _cancellationToken) = (model, calibration, validation, cancellationToken);
        Prepared = PreparedModel.From(model, _folder.Path);
        _entries.Add(new Entry("fp32, as given", model, null, TimeSpan.Zero));
        var prepared = _folder["prepared.onnx"];
        OnnxFile.Save(Prepared.Model, prepared);
        _entries.Add(new Entry("fp32, prepared", prepared, null, TimeSpan.Zero));
    }

    /// <summary>The float model as the quantizer reads it.</summary>
    public PreparedModel Prepared { get; }

    public IFeedSource Calibration { get; }

    public IFeedSource Validation { get; }

    /// <summary>Enters a model of ours.</summary>
    public void Enter(string name, Func<ModelProto> make, RuntimeSettings? runtime = null)
    {
        var began = Stopwatch.GetTimestamp();
        try
        {
            var model = make();
            var path = _folder[$"{_entries.Count}.onnx"];
            OnnxFile.Save(model, path);
            _entries.Add(new Entry(name, path, runtime, Stopwatch.GetElapsedTime(began)));
        }
        catch (InvalidDataException e)
        {
            _entries.Add(new Entry($"{name}: {e.Message}", null, null, TimeSpan.Zero));
        }
    }

    /// <summary>Enters what a scheme makes of the model with whichever of its techniques help on the calibration samples.</summary>
    public void EnterBest(IQuantizationScheme scheme, ICalibrator calibrator, int batchSize = 1)
    {
        var source = Source(scheme, calibrator, batchSize);
        var made = new AccuracyControl(scheme, source, session => AllOutputs.Of(session, Calibration, _cancellationToken).Values)
            .Quantize(double.MaxValue, double.MaxValue, _ => Judged.By(new Closeness(0, 0, 0)), _cancellationToken);
        Enter($"{scheme.Name}, {calibrator.Name}{string.Concat(made.Techniques.Select(technique => ", " + technique.Name))}",
            () => made.Model, scheme.Runtime(new RuntimeSettings()));
    }

    /// <summary>Enters what a scheme makes of the model with exactly these techniques.</summary>
    public void Enter(IQuantizationScheme scheme, ICalibrator calibrator, params IReadOnlyList<ITechnique> steps) => Enter(
        $"{scheme.Name}, {calibrator.Name}{string.Concat(steps.Select(step => ", " + step.Name))}",
        () => scheme.Apply(steps.Aggregate(Source(scheme, calibrator, 1),
            (source, step) => step.Apply(source, scheme, None, _cancellationToken)), None), scheme.Runtime(new RuntimeSettings()));

    private QuantizationSource Source(IQuantizationScheme scheme, ICalibrator calibrator, int batchSize)
        => new QuantizationSource(Prepared, new Dictionary<string, Histogram>(), calibrator)
        {
            Samples = Calibration,
            BatchSize = batchSize,
        }.Recalibrated(Prepared, scheme, _cancellationToken);

    /// <summary>Enters the peer's file, where the peer is there.</summary>
    public async Task EnterPeerAsync(string name, params string[] options)
    {
        if (!Peers.ArePresent) return;
        var path = _folder[$"{_entries.Count}.onnx"];
        var samples = _folder["calibration.npz"];
        var needsSamples = !options.Contains("dynamic") && !options.Contains("int4") && !options.Contains("--calibration");
        if (needsSamples && !File.Exists(samples)) WriteSamples(samples);
        var began = Stopwatch.GetTimestamp();
        try
        {
            await Peers.QuantizeAsync(
                PeerModel.Of(_model, _folder), path, needsSamples ? [.. options, "--calibration", samples] : options, _cancellationToken);
            _entries.Add(new Entry(name, path, null, Stopwatch.GetElapsedTime(began)));
        }
        catch (InvalidOperationException e)
        {
            _entries.Add(new Entry($"{name}: {LastLine(e.Message)}", null, null, TimeSpan.Zero));
        }
    }

    /// <summary>Judges everything entered.</summary>
    public string Table()
    {
        var sessions = _entries.Select(Open).ToArray();
        try
        {
            var open = sessions.OfType<InferenceSession>().ToArray();
            var reference = AllOutputs.Of(open[0], Validation, _cancellationToken);
            var prepared = SpeedOver(open[0], open[1]);
            var text = new StringBuilder(
                "| file | bytes | of fp32 | SNR dB | cosine | decided alike | x fp32 as given | x fp32 prepared | made in s "
                    + "|\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
            var bytes = new FileInfo(_model).Length;
            foreach (var (entry, session) in _entries.Zip(sessions))
            {
                if (session is null)
                {
                    text.AppendLine(CultureInfo.InvariantCulture, $"| {entry.Name} | | | | | | | | |");
                    continue;
                }
                var closeness = AllOutputs.Of(session, Validation, _cancellationToken).Against(reference);
                var size = new FileInfo(entry.Path!).Length;
                var speed = session == open[0] ? 1 : session == open[1] ? prepared : SpeedOver(open[0], session);
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"| {entry.Name} | {size:N0} | {(double)size / bytes:P1} | {closeness.SignalToNoise:0.0} | {closeness.Cosine:0.0000} | "
                        + $"{closeness.Agreement:P2} | {speed:0.00} | {speed / prepared:0.00} | {entry.Time.TotalSeconds:0.0} |");
            }
            if (!Peers.ArePresent) text.AppendLine().AppendLine(Peers.Absent);
            return text.ToString();
        }
        finally
        {
            foreach (var session in sessions) session?.Dispose();
        }
    }

    /// <summary>The first file whose name begins so, and its operators as the runtime optimizes it here, counted.</summary>
    public string OperatorsOf(string name)
    {
        // Which techniques the best has is in its name, and is not known before.
        var entry = _entries.First(entry => entry.Name.StartsWith(name, StringComparison.Ordinal));
        var optimized = _folder["optimized.onnx"];
        OnnxRuntimeSession.SaveOptimized(entry.Path!, optimized, GraphOptimizationLevel.ORT_ENABLE_ALL, entry.Runtime);
        return entry.Name + ": " + string.Join(", ",
            OnnxFile.Load(optimized).Graph.Node.GroupBy(node => node.OpType).OrderByDescending(group => group.Count())
                .Select(group => $"{group.Count()} {group.Key}"));
    }

    /// <inheritdoc/>
    public void Dispose() => _folder.Dispose();

    private InferenceSession? Open(Entry entry)
    {
        try
        {
            return entry.Path is null ? null : OnnxRuntimeSession.Open(entry.Path, entry.Runtime);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    /// <summary>By processor time: what else a machine does lengthens that of neither.</summary>
    private double SpeedOver(InferenceSession original, InferenceSession session)
        => LatencyRun.Pair(original, session, Validation, everyThread: false, Pairs, _cancellationToken).Speed.Value;

    private void WriteSamples(string path)
    {
        // The form the peer's reader takes: one array for each input and sample.
        IEnumerable<KeyValuePair<string, NpyArray>> Arrays()
            => Calibration.Batches(1).SelectMany((feed, sample) => feed.Names.Zip(feed.Values)
                .Select(pair => KeyValuePair.Create(string.Create(CultureInfo.InvariantCulture, $"{pair.First}.{sample}"),
                    NpyArray.Of(pair.Second.GetTensorDataAsSpan<float>(),
                        [.. pair.Second.GetTensorTypeAndShape().Shape.Select(extent => (int)extent)]))));
        using var file = File.Create(path);
        NpzArchive.Write(file, Arrays());
    }

    private static string LastLine(string text)
        => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1];

    private sealed record Entry(string Name, string? Path, RuntimeSettings? Runtime, TimeSpan Time);
}
