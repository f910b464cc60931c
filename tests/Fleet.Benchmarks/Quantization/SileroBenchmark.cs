using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.TestKit;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// The streaming speech detector Silero VAD, whose weights lie in the branches of <c>If</c> and whose state flows from window to
/// window: every scheme of ours beside the peer's. The first windows of the recording calibrate and rank, the others judge.
/// </summary>
internal static class SileroBenchmark
{
    /// <summary>Windows that fix ranges, as in the reference figures.</summary>
    private const int CalibrationWindows = 150;

    /// <summary>Windows that rank our operators; judged are those after them.</summary>
    private const int RankingWindows = 400;

    /// <summary>
    /// Decibels that accuracy control is asked for on the windows that rank: where weights alone are rounded, and where activations are as
    /// well, which every layer in float makes slower.
    /// </summary>
    private const double Wanted = 30, Enough = QuantizationSpec.DefaultSignalToNoise;

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        if (!SharedData.IsPresent) return SharedData.Absent;
        var tables = new List<string>();
        foreach (var file in new[] { "silero_vad.onnx", "silero_vad_half.onnx" })
            tables.Add($"## {file}\n\n{await RunAsync(SharedData.PathOf("onnx-silero-vad", file), cancellationToken)}");
        return $"Windows of 64 samples of context and 512 new ones of `test.wav`, run as a stream: each model carries its own state. "
            + $"Judged on the {SpeechFrames.Of(Recording).Count - RankingWindows:N0} windows after the {RankingWindows} that calibrate and "
            + $"rank; "
            + "SNR over all outputs, the state included; a window is speech above 0.5.\n\n" + string.Join("\n", tables);
    }

    private static string Recording => SharedData.PathOf("onnx-silero-vad", "test.wav");

    private static async Task<string> RunAsync(string path, CancellationToken cancellationToken)
    {
        using var given = OnnxRuntimeSession.Open(path);
        var inputs = ModelInput.Of(given);
        var state = ModelState.Of(given, inputs, []);
        ArrayFeeds Windows(int from, int to) => Feeds(inputs, state, from, to);
        var (ranking, heldOut, whole) = (Windows(0, RankingWindows), Windows(RankingWindows, int.MaxValue), Windows(0, int.MaxValue));

        using var contest = new Contest(path, ranking, heldOut, cancellationToken);
        string[] values = [.. QuantizationSchemes.All.SelectMany(scheme => scheme.CalibratedValues(contest.Prepared.Graph)).Distinct()];
        var histograms = CalibrationRun.Count(contest.Prepared.Model, values, Windows(0, CalibrationWindows), 1, cancellationToken);
        var source = new QuantizationSource(contest.Prepared, histograms, Calibrators.Named("minmax"))
        {
            Samples = Windows(0, CalibrationWindows),
        };
        foreach (var scheme in QuantizationSchemes.All.OrderBy(scheme => scheme.Name, StringComparer.Ordinal))
            contest.Enter(scheme.Name, () => scheme.Apply(source, new HashSet<string>()), scheme.Runtime(OnnxRuntimeSession.Plain));

        var reference = AllOutputs.Of(given, ranking, cancellationToken);
        ControlledModel Controlled(IQuantizationScheme scheme, double decibels)
        {
            var made = new AccuracyControl(scheme, source, session => AllOutputs.Of(session, ranking, cancellationToken).Values)
                .Quantize(-decibels, -decibels, model =>
                {
                    using var session = OnnxRuntimeSession.Open(
                        model.ToByteArray(), scheme.Name, scheme.Runtime(OnnxRuntimeSession.Plain));
                    return Judged.By(AllOutputs.Of(session, ranking, cancellationToken).Against(reference));
                }, cancellationToken);
            contest.Enter(string.Join(", ", [
                scheme.Name, .. made.Calibrator == source.Calibrator ? [] : new[] { made.Calibrator.Name },
                .. made.Techniques.Select(technique => technique.Name), $"{made.Returned.Count} layers in {scheme.Kept}",
            ]), () => made.Model, scheme.Runtime(OnnxRuntimeSession.Plain));
            return made;
        }
        var weights = QuantizationSchemes.Int8Weights;
        var controlled = Controlled(weights, Wanted);
        Controlled(QuantizationSchemes.Int8U8S8, Enough);

        using var folder = new TemporaryFolder();
        WriteCalibration(given, Windows(0, CalibrationWindows), folder["calibration.npz"]);
        foreach (var method in new[] { "minmax", "percentile" })
            await contest.EnterPeerAsync($"peer, static {method} u8s8", "--method", method, "--calibration", folder["calibration.npz"]);
        await contest.EnterPeerAsync("peer, dynamic u8", "--method", "dynamic", "--weight", "u8");
        var table = contest.Table();

        var all = AllOutputs.Of(given, whole, cancellationToken);
        using var chosen = OnnxRuntimeSession.Open(controlled.Model.ToByteArray(), weights.Name, weights.Runtime(OnnxRuntimeSession.Plain));
        var closeness = AllOutputs.Of(chosen, whole, cancellationToken).Against(all);
        return table + string.Create(CultureInfo.InvariantCulture,
            $"\nOver the whole recording, int8-weights with {controlled.Returned.Count} layers in 16 bits: {closeness.SignalToNoise:0.0} "
                + $"dB, {closeness.Agreement:P2} of {all.Decisions.Length} windows decided alike "
                + $"({all.Decisions.Count(speech => speech == 1)} are speech). Kept in 16 bits: "
                + $"{string.Join(", ", controlled.Returned.Select(one => one.Output).DefaultIfEmpty("none"))}.\n");
    }

    private static ArrayFeeds Feeds(IReadOnlyList<ModelInput> inputs, ModelState state, int from, int to)
    {
        var (frames, count) = SpeechFrames.Of(Recording);
        var last = Math.Min(to, count);
        var arrays = new Dictionary<string, NpyArray>
        {
            ["input"] = NpyArray.Of(
                frames.AsSpan(from * SpeechFrames.Length, (last - from) * SpeechFrames.Length), last - from, 1, SpeechFrames.Length),
        };
        if (inputs.Any(input => input.Name == "sr")) arrays["sr"] = NpyArray.Of([16000L]);
        return ArrayFeeds.From(arrays, inputs, "test.wav", state);
    }

    /// <summary>The windows with the state the float model has when each comes: the peer's reader carries none.</summary>
    private static void WriteCalibration(InferenceSession session, ArrayFeeds feeds, string path)
    {
        var arrays = new List<KeyValuePair<string, NpyArray>>();
        using var options = new RunOptions();
        foreach (var (sample, feed) in feeds.Batches(1).Index())
        {
            using (feed)
            {
                foreach (var (name, value) in feed.Names.Zip(feed.Values))
                {
                    int[] shape = [.. value.GetTensorTypeAndShape().Shape.Select(extent => (int)extent)];
                    arrays.Add(new(string.Create(CultureInfo.InvariantCulture, $"{name}.{sample}"),
                        name == "sr"
                            ? NpyArray.Of(value.GetTensorDataAsSpan<long>(), shape)
                            : NpyArray.Of(value.GetTensorDataAsSpan<float>(), shape)));
                }
                feed.Run(session, options, []).Dispose();
            }
        }
        using var file = File.Create(path);
        NpzArchive.Write(file, arrays);
    }
}
