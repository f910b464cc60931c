using System.Globalization;
using Fleet.Contracts.Media;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.TestKit;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Spoken digits as openWakeWord's models read them: 16 kHz sound through its mel spectrogram, windows of 76 frames every 8 through its
/// embedding, 16 embeddings for a wake word.
/// </summary>
internal static class SpokenDigits
{
    private const int Frames = 76, Step = 8, Bins = 32, Windows = 16, Width = 96, ClipLength = 22 * Rate / 10;

    /// <summary>Values of a second.</summary>
    public const int Rate = 16_000;

    /// <summary>Frames of a speech detector, one after the other, with values from -1 to 1.</summary>
    public static float[] ForSpeech(int frames, int seed)
    {
        const int Context = 64, Step = SpeechFrames.Length - Context;
        var values = new List<float>(new float[Context]);
        var clips = (frames * Step + ClipLength - 1) / ClipLength;
        foreach (var clip in Clips(clips, seed)) values.AddRange(clip.Select(value => value / 32768));
        return [.. Enumerable.Range(0, frames).SelectMany(frame => values.GetRange(frame * Step, SpeechFrames.Length))];
    }

    /// <summary>Samples for the embedding: a window of a mel spectrogram each.</summary>
    public static KeyValuePair<string, NpyArray>[][] ForEmbedding(string folder, string input, int count, int seed)
    {
        using var mel = OnnxRuntimeSession.Open(Path.Combine(folder, "melspectrogram.onnx"));
        var random = new Random(seed);
        return [
            .. Clips(count, seed).Select(clip => WindowsOf(mel, clip)).Select(windows => windows[random.Next(windows.Count)])
                .Select(window => new[] { KeyValuePair.Create(input, NpyArray.Of(window, 1, Frames, Bins, 1)) }),
        ];
    }

    /// <summary>Samples for a wake word: embeddings of sixteen windows each.</summary>
    public static KeyValuePair<string, NpyArray>[][] ForWakeWord(string folder, string input, int count, int seed)
    {
        using var mel = OnnxRuntimeSession.Open(Path.Combine(folder, "melspectrogram.onnx"));
        using var embedding = OnnxRuntimeSession.Open(Path.Combine(folder, "embedding_model.onnx"));
        return [
            .. Clips(count, seed).Select(clip => WindowsOf(mel, clip).Take(Windows)
                    .SelectMany(window => Run(embedding, window, 1, Frames, Bins, 1)).ToArray())
                .Select(embeddings => new[] { KeyValuePair.Create(input, NpyArray.Of(embeddings, 1, Windows, Width)) }),
        ];
    }

    /// <summary>Some seconds of digits each, in values of 16 bits. Those with an index of 0 to 4 are the test part.</summary>
    private static IEnumerable<float[]> Clips(int count, int seed)
    {
        var random = new Random(seed);
        string[] files = [
            .. Directory.GetFiles(SharedData.PathOf("fsdd", "recordings"), "*.wav").Order(StringComparer.Ordinal)
                .Where(file => IndexOf(file) < 5 == seed >= BenchmarkModels.Unseen),
        ];
        for (var clip = 0; clip < count; clip++)
        {
            var values = new List<float>();
            while (values.Count < ClipLength)
            {
                values.AddRange(Doubled(files[random.Next(files.Length)]));
                values.AddRange(new float[random.Next(Rate / 4)]);
            }
            yield return [.. values.Take(ClipLength)];
        }
    }

    private static int IndexOf(string path)
        => int.Parse(Path.GetFileNameWithoutExtension(path).Split('_')[^1], CultureInfo.InvariantCulture);

    /// <summary>A recording of 8 kHz at twice its rate, by the middle of neighbours.</summary>
    private static IEnumerable<float> Doubled(string path)
    {
        using var file = File.OpenRead(path);
        var values = WavFile.Read(file).Values;
        for (var i = 0; i < values.Length; i++)
        {
            yield return 32768 * values[i];
            yield return 32768 * (values[i] + values[Math.Min(i + 1, values.Length - 1)]) / 2;
        }
    }

    private static List<float[]> WindowsOf(InferenceSession mel, float[] clip)
    {
        // openWakeWord's own scale: a tenth of the decibels, and two more.
        float[] frames = [.. Run(mel, clip, 1, clip.Length).Select(value => value / 10 + 2)];
        return [
            .. Enumerable.Range(0, (frames.Length / Bins - Frames) / Step + 1)
                .Select(window => frames.AsSpan(window * Step * Bins, Frames * Bins).ToArray()),
        ];
    }

    private static float[] Run(InferenceSession session, float[] values, params long[] shape)
    {
        using var input = OrtValue.CreateTensorValueFromMemory(values, shape);
        using var options = new RunOptions();
        using var outputs = session.Run(options, [session.InputNames[0]], [input], session.OutputNames);
        return outputs[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
