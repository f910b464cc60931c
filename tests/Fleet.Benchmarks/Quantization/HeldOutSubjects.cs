using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>A model whose reports are held against samples that nobody had seen.</summary>
/// <param name="Name">Its name in the table.</param>
/// <param name="Path">Its file, which may be missing.</param>
/// <param name="Samples">So many samples of a seed.</param>
internal sealed record HeldOutSubject(string Name, string Path, Func<int, int, IFeedSource> Samples)
{
    /// <summary>How many samples are given.</summary>
    public int[] Given { get; init; } = [16];

    /// <summary>How many are judged in the end.</summary>
    public int Unseen { get; init; } = 64;

    /// <summary>The forms that are made.</summary>
    public string[] Schemes { get; init; } = ["int8-static-u8s8", "int8-static-s8s8", "int8-static-symmetric"];
}

/// <summary>All of them: public models of the repository's data, those of the contest, and one with drawn weights.</summary>
internal static class HeldOutSubjects
{
    /// <param name="folder">Takes what is made for them.</param>
    public static IEnumerable<HeldOutSubject> All(TemporaryFolder folder)
    {
        int[] given = [8, 16, 48];
        yield return new("UltraFace RFB-320", SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx"),
            (count, seed) => Pictures(count, seed, 240, 320, deviation: 128))
        { Given = given };
        yield return new("MCUNet", SharedData.PathOf("onnx-deeploy", "hist-MCUNet", "network.onnx"),
            (count, seed) => Pictures(count, seed, 96, 96, deviation: 64))
        { Given = given };
        var encoder = new EncoderModel(Layers: 2, Width: 128, Inner: 512, Heads: 4, Length: 32);
        OnnxFile.Save(encoder.Build(), folder["encoder.onnx"]);
        yield return new("encoder", folder["encoder.onnx"], (count, seed) => EncoderBenchmark.States(encoder, count, seed))
        {
            Given = given,
        };
        yield return SpeechDetector();
        string[] taken = ["UltraFace RFB-320", "MCUNet", "decoder, GPT-2 shape"];
        foreach (var model in ContestModels.All().Where(model => !taken.Contains(model.Model.Name)))
        {
            yield return new(model.Model.Name, model.Model.Path, (count, seed) => model.Model.Feeds(count, seed, folder))
            {
                Unseen = model.Unseen,
            };
        }
        var detection = BenchmarkModels.Outside().First();
        yield return new(detection.Name + ", no text", detection.Path, (count, seed) => detection.Feeds(count, seed, folder));
    }

    /// <summary>Silero VAD, whose state flows from window to window, on spoken digits with pauses.</summary>
    private static HeldOutSubject SpeechDetector()
    {
        var path = SharedData.PathOf("onnx-silero-vad", "silero_vad.onnx");
        return new("Silero VAD", path, Windows) { Given = [256, 1024], Unseen = 512, Schemes = ["int8-dynamic", "int8-weights"] };

        ArrayFeeds Windows(int count, int seed)
        {
            using var session = OnnxRuntimeSession.Open(path);
            var inputs = ModelInput.Of(session);
            var arrays = new Dictionary<string, NpyArray>
            {
                ["input"] = NpyArray.Of(SpokenDigits.ForSpeech(count, seed), count, 1, SpeechFrames.Length),
                ["sr"] = NpyArray.Of([(long)SpokenDigits.Rate]),
            };
            return ArrayFeeds.From(arrays, inputs, "spoken digits", ModelState.Of(session, inputs, []));
        }
    }

    private static SampleFeeds Pictures(int count, int seed, int height, int width, double deviation)
        => new("input", PhotoLikePictures.Make(count, height, width, seed, value => (value - 127) / deviation), [3, height, width]);
}
