using System.Diagnostics;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Media;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Tests.Samples;

/// <summary>Folders of pictures and of sound as samples of a model.</summary>
public sealed class MediaSamplesTests : IDisposable
{
    private static readonly byte[] Colours = [0, 51, 102, 153, 204, 255];

    private static readonly Preprocessing Behind = new() { Layout = PictureLayout.Nhwc };

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Picture_takes_the_layout_and_the_size_of_the_input_and_values_from_0_to_1()
    {
        Picture("data/a.png", 2, 1, Colours);
        Assert.Equal([0, 0.6f, 0.2f, 0.8f, 0.4f, 1], Values("data", [1, 3, 1, 2], null));
        Assert.Equal([0, 0.2f, 0.4f, 0.6f, 0.8f, 1], Values("data", [-1, 1, 2, 3], Behind));
        Assert.Equal([0, 0.2f, 0.4f, 0.6f, 0.8f, 1, 0, 0.2f, 0.4f, 0.6f, 0.8f, 1], Values("data", [-1, 2, 2, 3], null));
        // One pixel is the mean of both.
        Near([0.3f, 0.5f, 0.7f], Values("data", [-1, 3, 1, 1], null));
        // 0.299 red, 0.587 green, 0.114 blue.
        Near([0.587f * 0.2f + 0.114f * 0.4f, 0.299f * 0.6f + 0.587f * 0.8f + 0.114f], Values("data", [1, 1, 1, 2], null));
    }

    [Fact]
    public void Mean_deviation_range_and_order_of_colours_are_those_that_were_asked()
    {
        Picture("data/a.png", 2, 1, Colours);
        Assert.Equal([(102 - 3) / 4f, (255 - 3) / 4f, (51 - 2) / 4f, (204 - 2) / 4f, (0 - 1) / 4f, (153 - 1) / 4f],
            Values("data", [1, 3, 1, 2], new Preprocessing
            {
                Range = [0, 255],
                Mean = [3, 2, 1],
                Deviation = [4],
                Colour = PictureColour.Bgr,
            }));
        // Bytes are taken as they are, and rounded where a picture was resized.
        Assert.Equal([0f, 51, 102, 153, 204, 255], Values("data", [1, 1, 2, 3], Behind, TensorElementType.UInt8));
        Assert.Equal([0f, 51, 102, 38, 89, 140, 115, 166, 217, 153, 204, 255],
            Values("data", [1, 1, 4, 3], Behind, TensorElementType.UInt8));
    }

    [Fact]
    public void Picture_of_other_proportions_is_stretched_cropped_or_padded()
    {
        Picture("data/a.png", 4, 2, [0, 51, 102, 255, 0, 51, 102, 255], channels: 1);
        int[] square = [1, 1, 2, 2];
        Near([0.1f, 0.7f, 0.1f, 0.7f], Values("data", square, new Preprocessing { Resize = PictureResize.Bilinear }));
        Near([0.2f, 0.4f, 0.2f, 0.4f], Values("data", square, new Preprocessing { Fit = PictureFit.Crop }));
        // Half of the middle is the square pixel between the four in the middle; its corners are a quarter of a pixel from there.
        Near([0.25f, 0.35f, 0.25f, 0.35f], Values("data", square, new Preprocessing { Fit = PictureFit.Crop, CropShare = 0.5 }));
        Near([0.1f, 0.7f, 1, 1], Values("data", square, new Preprocessing { Fit = PictureFit.Pad, Padding = 255 }));
    }

    [Fact]
    public void Every_file_is_a_source_and_every_folder_a_class()
    {
        Picture("data/2/a.png", 2, 1, Colours);
        Picture("data/10/A.JPG.png", 2, 1, Colours);
        Picture("data/10/b.PNG", 2, 1, Colours);
        File.WriteAllText(_folder.File("data/10/.DS_Store"), "not a sample");
        var byNumber = Read("data", [1, 3, 1, 2], null);
        Assert.Equal([10L, 10, 2], byNumber.Truth.Classes!);
        Assert.Equal([0, 1, 2], byNumber.Feeds.Sources!);

        Directory.Move(_folder.File("data/2"), _folder.File("data/cat"));
        Assert.Equal([0L, 0, 1], Read("data", [1, 3, 1, 2], null).Truth.Classes!);
        Assert.Equal([7L, 7, 1], Read("data", [1, 3, 1, 2], null, ["x", "cat", "", "", "", "", "", "10"]).Truth.Classes!);
        Assert.Contains("Folder '10'", Refusal(() => Read("data", [1, 3, 1, 2], null, ["cat", "dog"])), StringComparison.Ordinal);
    }

    [Fact]
    public void Report_holds_each_part_that_was_used_and_gives_the_same_numbers_again()
    {
        Picture("data/a.png", 5, 4, [.. Enumerable.Range(0, 60).Select(value => (byte)(value * 4))]);
        var asked = new Preprocessing { Fit = PictureFit.Crop, Mean = [0.5], Resize = PictureResize.Antialias };
        var used = Read("data", [-1, 3, 2, 2], asked).Preprocessing!;
        Assert.Equal((2, 2, PictureLayout.Nchw, PictureColour.Rgb, 1.0),
            (used.Width, used.Height, used.Layout, used.Colour, used.CropShare));
        Assert.Equal([0.0, 1], used.Range!);
        Assert.Equal(Values("data", [-1, 3, 2, 2], asked), Values("data", [-1, 3, 2, 2], used));
        Assert.Equal("2x2 pixels (cropped to the middle, bilinear with antialiasing, half-pixel centres), RGB, NCHW, values from 0 to 1, "
            + "less a mean of 0.5", used.ToString());
    }

    [Fact]
    public void Sound_is_cut_into_windows_and_the_last_is_filled_with_silence()
    {
        Sound("data/a.wav", 16_000, 1, [0, 8192, 16384, -16384, -8192]);
        Sound("data/b.wav", 16_000, 2, [16384, 0]);
        var samples = Read("data", [-1, 1, 2], null);
        Assert.Equal([0, 0, 1], samples.Feeds.Sources!);
        Assert.Equal((16_000, 2, 2), (samples.Preprocessing!.SampleRate, samples.Preprocessing.Window, samples.Preprocessing.Hop));
        Assert.Equal([0, 0.25f, 0.5f, -0.5f, 0.25f, 0], All(samples));
        Assert.Equal([0, 0.25f, 0.25f, 0.5f, 0.5f, -0.5f, -0.5f, -0.25f, 0.25f, 0], All(Read("data", [-1, 2], new() { Hop = 1 })));
        Assert.Equal([0, 8192, 16384, 8192, 0, 0], All(Read("data", [-1, 3, 1], new() { Range = [-32768, 32768] })));
        // As long as the file, where the input takes any length.
        Assert.Equal([0, 0.25f, 0.5f, -0.5f, -0.25f, 0.25f], All(Read("data", [-1, -1], null)));
    }

    [Fact]
    public void Input_that_is_told_the_rate_of_sound_gets_that_of_the_file()
    {
        Sound("data/a.wav", 8_000, 1, [16384, 0, 0, 8192]);
        var samples = ModelSamples.Read(_folder.File("data"), [
            Input([-1, 2], TensorElementType.Float), Input([], TensorElementType.Int64) with { Name = "sr" },
        ], ModelState.None, seed: 1);
        foreach (var feed in samples.Feeds.Batches(1))
        {
            using (feed)
            {
                Assert.Equal(["x", "sr"], feed.Names);
                Assert.Equal(8_000, feed.Values.Last().GetTensorDataAsSpan<long>()[0]);
            }
        }
    }

    [Fact]
    public void Model_that_carries_state_over_sound_of_any_length_asks_for_the_length_of_a_window()
    {
        Sound("data/a.wav", 16_000, 1, [0, 8192, 16384, -16384]);
        var (x, h) = (Input([-1, -1], TensorElementType.Float), Input([1, 2], TensorElementType.Float) with { Name = "state" });
        ModelSamples Of(Preprocessing? asked) => ModelSamples.Read(_folder.File("data"), [x, h],
            new ModelState([new StateLink(h, "stateN", Grows: false)], Restarts: false), seed: 1,
            files: new SourceSpec { Onnx = "m.onnx", Validation = "data", Preprocessing = asked });
        Assert.Contains("say how many samples one has, as with --preprocess window=512", Refusal(() => Of(null)), StringComparison.Ordinal);
        Assert.Equal(2, Of(new Preprocessing { Window = 2 }).Feeds.Count);
    }

    [Fact]
    public void What_cannot_become_an_input_is_refused_with_the_file_and_what_helps()
    {
        Picture("broken/fine.png", 2, 1, Colours);
        File.WriteAllBytes(_folder.File("broken/torn.png"), [.. File.ReadAllBytes(_folder.File("broken/fine.png")).Take(50)]);
        Assert.Matches("^broken/torn.png: .*(again|move it away)", Refusal(() => Read("broken", [1, 3, 1, 2], null)));

        Picture("other/fine.png", 2, 1, Colours);
        File.WriteAllText(_folder.File("other/photo.webp"), "RIFF....WEBP");
        Assert.Contains("other/photo.webp: pictures are read from PNG, JPEG", Refusal(() => Read("other", [1, 3, 1, 2], null)),
            StringComparison.Ordinal);

        Sound("rates/a.wav", 16_000, 1, [1]);
        Sound("rates/b.wav", 8_000, 1, [1]);
        Assert.Contains("rates/b.wav: The sound has 8000 Hz", Refusal(() => Read("rates", [-1, 2], null)), StringComparison.Ordinal);
        Picture("rates/c.png", 2, 1, Colours);
        File.Delete(_folder.File("rates/b.wav"));
        Assert.Equal("rates/c.png is a picture and rates/a.wav sound: put each kind into a folder of its own.",
            Refusal(() => Read("rates", [-1, 2], null)));
        Sound("both/b.wav", 8_000, 1, [1]);
        Picture("both/a.png", 2, 1, Colours);
        Assert.Equal("both/a.png is a picture and both/b.wav sound: put each kind into a folder of its own.",
            Refusal(() => Read("both", [1, 3, 1, 2], null)));

        Assert.Contains("does not take pictures", Refusal(() => Read("other/fine.png", [-1, 2], null)), StringComparison.Ordinal);
        Assert.Contains("give the layout", Refusal(() => Read("other/fine.png", [-1, 8, 8, 8], null)), StringComparison.Ordinal);
        Assert.Contains("width 9 was asked", Refusal(() => Read("other/fine.png", [1, 3, 1, 2], new() { Width = 9, Height = 1 })),
            StringComparison.Ordinal);
        Assert.Contains("takes whole numbers from 0 to 255", Refusal(() => Values("other/fine.png", [1, 3, 1, 2], new() { Mean = [128] },
            TensorElementType.UInt8)), StringComparison.Ordinal);
        Assert.Contains("deviation must be", Refusal(() => Read("other/fine.png", [1, 3, 1, 2], new() { Deviation = [0] })),
            StringComparison.Ordinal);
        Assert.Contains("mel bands", Refusal(() => Read("rates/a.wav", [-1, 49, 10], null)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_asked_of_the_other_kind_or_of_arrays_is_refused_and_not_passed_over()
    {
        Picture("pictures/a.png", 2, 1, Colours);
        Sound("sound/a.wav", 8_000, 1, [1]);
        Assert.Contains("gives window, hop, which pictures do not have: leave that out.",
            Refusal(() => Read("pictures", [1, 3, 1, 2], new() { Window = 2, Hop = 1 })), StringComparison.Ordinal);
        Assert.Contains("gives fit, resize, which sound does not have: leave that out.",
            Refusal(() => Read("sound", [-1, 2], new() { Fit = PictureFit.Stretch, Resize = PictureResize.Antialias })),
            StringComparison.Ordinal);
        using (var file = File.Create(_folder.File("a.npz"))) NpzArchive.Write(file, [new("x", NpyArray.Of([1f, 2], 1, 2))]);
        var (arrays, pictures) = (Read("a.npz", [-1, 2], null), Read("pictures", [1, 3, 1, 2], null));
        var asked = new Preprocessing { Mean = [1] };
        Assert.Contains($"there are none in {_folder.File("a.npz")}: leave it out",
            Assert.Throws<InvalidDataException>(() => ModelSamples.RefuseUnheeded(asked, arrays)).Message, StringComparison.Ordinal);
        // Those that calibrate may be pictures where those that judge were prepared by hand.
        ModelSamples.RefuseUnheeded(asked, arrays, pictures);
        ModelSamples.RefuseUnheeded(null, arrays);
    }

    [Fact]
    public void Pipe_among_the_samples_is_named_and_never_opened()
    {
        Picture("pipes/fine.png", 2, 1, Colours);
        foreach (var name in (string[])["pipes/waits.png", "pipes/waits.npz"])
        {
            Pipe(name);
            Assert.StartsWith($"{name} is a pipe, a socket or a device, not a file", Refusal(() => Read("pipes", [1, 3, 1, 2], null)),
                StringComparison.Ordinal);
            Assert.Contains("is a pipe", Refusal(() => Read(name, [1, 3, 1, 2], null)), StringComparison.Ordinal);
            File.Delete(_folder.File(name));
        }
        File.CreateSymbolicLink(_folder.File("pipes/zero.png"), "/dev/zero");
        Assert.StartsWith("pipes/zero.png is a pipe", Refusal(() => Read("pipes", [1, 3, 1, 2], null)), StringComparison.Ordinal);
    }

    [Fact]
    public void Pipe_in_the_place_of_a_model_or_of_its_weights_is_named_and_never_opened()
    {
        Pipe("model.onnx");
        Assert.Contains("model.onnx is a pipe", Refusal(() => OnnxFile.Load(_folder.File("model.onnx"))), StringComparison.Ordinal);
        OnnxFile.Save(TinyModels.Gemm(), _folder.File("apart.onnx"), largest: 64);
        File.Delete(_folder.File("apart.onnx.data"));
        Pipe("apart.onnx.data");
        Assert.Contains("lies in 'apart.onnx.data', which is a pipe", Refusal(() => OnnxFile.Load(_folder.File("apart.onnx"))),
            StringComparison.Ordinal);
    }

    private void Pipe(string name)
    {
        using var made = Process.Start("mkfifo", [_folder.File(name)]);
        made.WaitForExit();
        Assert.Equal(0, made.ExitCode);
    }

    private static string Refusal(Func<object> read) => Assert.Throws<InvalidDataException>(read).Message;

    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i], expected[i] - 1e-5f, expected[i] + 1e-5f);
    }

    private float[] Values(string data, int[] extents, Preprocessing? asked, TensorElementType type = TensorElementType.Float)
        => All(ModelSamples.Read(_folder.File(data), [Input(extents, type)], ModelState.None, seed: 1, files: Spec(asked, null)));

    private ModelSamples Read(string data, int[] extents, Preprocessing? asked, string[]? classes = null)
        => ModelSamples.Read(_folder.File(data), [Input(extents, TensorElementType.Float)], ModelState.None, seed: 1,
            files: Spec(asked, classes));

    private static SourceSpec Spec(Preprocessing? asked, string[]? classes)
        => new() { Onnx = "", Validation = "", Preprocessing = asked, Classes = classes };

    private static ModelInput Input(int[] extents, TensorElementType type) => new("x", type, extents, [.. extents.Select(_ => "")]);

    /// <summary>The values of two passes, which must be alike: the second one takes what the first one kept.</summary>
    private static float[] All(ModelSamples samples)
    {
        float[] Pass() => [.. samples.Feeds.Batches(1).SelectMany(feed =>
        {
            using (feed)
            {
                var value = feed.Values.Single();
                return value.GetTensorTypeAndShape().ElementDataType == TensorElementType.UInt8
                    ? Array.ConvertAll(value.GetTensorDataAsSpan<byte>().ToArray(), one => (float)one)
                    : value.GetTensorDataAsSpan<float>().ToArray();
            }
        })];
        var first = Pass();
        Assert.Equal(first, Pass());
        return first;
    }

    private void Picture(string name, int width, int height, byte[] pixels, int channels = 3)
        => Write(name, PngWriter.Write(width, height, channels, pixels));

    private void Sound(string name, int rate, int channels, short[] values)
        => Write(name, WavFileTests.File(1, 16, channels, rate, [.. values.SelectMany(BitConverter.GetBytes)]));

    private void Write(string name, byte[] bytes)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
        File.WriteAllBytes(_folder.File(name), bytes);
    }
}
