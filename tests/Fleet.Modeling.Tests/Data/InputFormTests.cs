using System.Globalization;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.TestKit;
using SkiaSharp;

namespace Fleet.Modeling.Tests.Data;

/// <summary>What a device makes of a file's pixels and sound is what training made of the file.</summary>
public sealed class InputFormTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<Preprocessing> Asked() => new()
    {
        new Preprocessing { Width = 6, Height = 5 },
        new Preprocessing { Width = 6, Height = 5, Colour = PictureColour.Grey, Resize = PictureResize.Antialias },
        new Preprocessing { Width = 8, Height = 4, Fit = PictureFit.Pad, Padding = 30, Colour = PictureColour.Bgr },
        new Preprocessing
        {
            Width = 5, Height = 5, Fit = PictureFit.Crop, CropShare = 0.8, Mean = [0.485, 0.456, 0.406], Deviation = [0.229, 0.224, 0.225],
        },
    };

    [Theory]
    [MemberData(nameof(Asked), DisableDiscoveryEnumeration = true)]
    public void Pixels_of_any_size_become_on_a_device_what_the_file_became_in_training(Preprocessing asked)
    {
        var random = new Random(2);
        for (var picture = 0; picture < 12; picture++)
        {
            Directory.CreateDirectory(_folder[$"{(picture % 2 == 0 ? "a" : "b")}"]);
            using var bitmap = new SKBitmap(random.Next(3, 40), random.Next(3, 40), SKColorType.Rgba8888, SKAlphaType.Opaque);
            for (var x = 0; x < bitmap.Width; x++)
            {
                for (var y = 0; y < bitmap.Height; y++) bitmap.SetPixel(x, y, new SKColor((uint)random.Next() | 0xFF000000));
            }
            using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
            File.WriteAllBytes(_folder[$"{(picture % 2 == 0 ? "a" : "b")}/{picture:00}.png"], data.ToArray());
        }
        var loaded = DataSets.Load(new DataSpec { Train = _folder.Path, Preprocessing = asked, ValidationShare = 0 }, 3, 1);
        var reader = (IInstanceReader)InputForm.Read(loaded.InputForm!.Write()).Reader();
        var known = Enumerable.Range(0, loaded.Test.Count).Select(place => string.Join(' ', loaded.Test.Sample(place).ToArray()))
            .Concat(Enumerable.Range(0, loaded.Training.Count).Select(place => string.Join(' ', loaded.Training.Sample(place).ToArray())))
            .ToHashSet();
        Assert.Equal(12, known.Count);
        foreach (var file in Directory.GetFiles(_folder.Path, "*.png", SearchOption.AllDirectories))
        {
            var bounds = SKBitmap.DecodeBounds(file);
            using var bitmap = SKBitmap.Decode(
                file, new SKImageInfo(bounds.Width, bounds.Height, SKColorType.Rgba8888, SKAlphaType.Opaque));
            var (width, height, rgba) = (bitmap.Width, bitmap.Height, bitmap.Bytes);
            byte[] rgb = [.. rgba.Where((_, place) => place % 4 != 3)];
            object nested = Enumerable.Range(0, height).Select(y => Enumerable.Range(0, width)
                .Select(x => rgb.AsSpan(3 * (y * width + x), 3).ToArray().Select(value => (int)value)));
            byte[] portable = [.. System.Text.Encoding.ASCII.GetBytes($"P6 {width} {height} 255\n"), .. rgb];
            foreach (var instance in (object[])[
                nested, new { b64 = rgb, width, height }, new { b64 = rgba, width, height }, new { b64 = portable },
            ])
            {
                var values = new float[reader.Width];
                reader.Read(JsonSerializer.SerializeToElement(instance), values);
                Assert.Contains(string.Join(' ', values), known);
            }
        }
    }

    [Fact]
    public void Sound_of_any_length_becomes_on_a_device_what_the_file_became_in_training()
    {
        var random = new Random(4);
        byte[][] files = [.. Enumerable.Range(0, 12).Select(place => Wav(random, place == 5 ? 900 : random.Next(300, 500)))];
        foreach (var (place, file) in files.Index())
        {
            Directory.CreateDirectory(_folder[$"{place % 2}"]);
            File.WriteAllBytes(_folder[$"{place % 2}/{place:00}.wav"], file);
        }
        var loaded = DataSets.Load(new DataSpec { Train = _folder.Path, ValidationShare = 0 }, 3, 1);
        Assert.NotNull(loaded.FrontEnd);
        var reader = (IInstanceReader)InputForm.Read(loaded.InputForm!.Write()).Reader();
        var known = new[] { loaded.Training.Given(), loaded.Test.Given() }
            .SelectMany(part => Enumerable.Range(0, part.Count).Select(place => string.Join(' ', part.Sample(place).ToArray())))
            .ToHashSet();
        Assert.Equal(12, known.Count);
        foreach (var file in files)
        {
            float[] list = [.. Enumerable.Range(0, (file.Length - 44) / 2).Select(at => BitConverter.ToInt16(file, 44 + 2 * at) / 32768f)];
            foreach (var instance in (object[])[new { b64 = file }, list, new[] { list }, new[] { list, list }])
            {
                var values = new float[reader.Width];
                reader.Read(JsonSerializer.SerializeToElement(instance), values);
                Assert.Contains(string.Join(' ', values), known);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public void Sound_is_cut_on_a_device_into_the_windows_of_training(bool isSpoken)
    {
        var random = new Random(4);
        byte[][] files = isSpoken
            ? [.. Directory.GetFiles(SharedData.PathOf("fsdd", "recordings"), "*_theo_1*.wav").Order(StringComparer.Ordinal)
                .Select(File.ReadAllBytes)]
            : [.. Enumerable.Range(0, 12).Select(_ => Wav(random, random.Next(1000, 9000)))];
        foreach (var (place, file) in files.Index())
        {
            Directory.CreateDirectory(_folder[$"{place % 2}"]);
            File.WriteAllBytes(_folder[$"{place % 2}/{place:000}.wav"], file);
        }
        var asked = new Preprocessing { Window = 1000, Hop = 400 };
        var train = FolderFiles.Read(_folder.Path, new DataSpec { Preprocessing = asked }, null, SampleRoom.Memory);
        var reader = (IStreamReader)InputForm.Read(InputForms.Of(null, train, out _)!.Write()).Reader();
        // In the order of the files as they lie there, and of the windows in each.
        var known = train.Inputs.Chunk(reader.Width).ToArray();
        var taken = files.Index().OrderBy(file => file.Index % 2).SelectMany(file => Windows(reader, new { b64 = file.Item })).ToArray();
        Assert.True(known.Length > 2 * files.Length, $"{known.Length} windows of {files.Length} files.");
        Assert.Equal(known.Length, taken.Length);
        Assert.All(known.Zip(taken), pair => Assert.Equal(pair.First, pair.Second));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public void Rows_are_cut_on_a_device_into_the_windows_of_training(bool isTurbofan)
    {
        var random = new Random(4);
        var path = isTurbofan ? SharedData.PathOf("cmapss", "train_FD001.txt") : _folder["rows.txt"];
        if (!isTurbofan)
            File.WriteAllLines(path, Enumerable.Range(1, 6).SelectMany(unit => Enumerable.Range(1, random.Next(80, 120)).Select(time
                => $"{unit} {time} 0 0 0 {string.Join(' ', Enumerable.Range(0, 3).Select(_ => random.Next(0, 999)))}")));
        var spec = new SeriesSpec
        {
            Unit = "1",
            Without = ["2", "3", "4", "5"],
            Window = 50,
            MinimumRows = 30,
            Step = 3,
            MaximumRemaining = 125,
        };
        var (train, _) = SeriesFiles.ReadTraining(path, spec, null);
        var reader = (IStreamReader)InputForm.Read(InputForms.Of(null, train, out _)!.Write()).Reader();
        var known = train.Inputs.Chunk(reader.Width).ToArray();
        var lines = File.ReadAllLines(path).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToArray();
        foreach (var (unit, rows) in lines.GroupBy(line => line[0]).Take(20).Index())
        {
            var whole = rows.Select(row => row.Index().ToDictionary(
                field => $"{field.Index + 1}", field => float.Parse(field.Item, CultureInfo.InvariantCulture))).ToArray();
            // Training has the last window first, and those in front that begin before the unit does.
            var ofUnit = known.Where((_, window) => train.Origins![window] == unit).ToArray();
            var taken = Windows(reader, whole);
            Assert.All(taken.Reverse().Zip(ofUnit), pair => Assert.Equal(pair.Second, pair.First));
            Assert.Equal((whole.Length - spec.Window) / spec.Step + 1, taken.Length);
            for (var number = taken.Length; number < ofUnit.Length; number++)
                Assert.Equal(ofUnit[number], Assert.Single(Windows(reader, whole[..(whole.Length - number * spec.Step)])));
            Assert.Equal((whole.Length - 30) / spec.Step + 1, ofUnit.Length);
        }
        Assert.Contains("windows of 30 and more", Assert.Throws<FormatException>(() => Windows(reader, Enumerable.Repeat(
            Enumerable.Repeat(0, train.SampleShape[0]), 29))).Message, StringComparison.Ordinal);
    }

    private static float[][] Windows(IStreamReader reader, object instance)
    {
        var stream = reader.Open(JsonSerializer.SerializeToElement(instance));
        return [.. Enumerable.Range(0, stream.Count).Select(window =>
        {
            var values = new float[reader.Width];
            stream.Write(window, values);
            return values;
        })];
    }

    [Fact]
    public void Text_becomes_on_a_device_what_it_became_in_training()
    {
        File.WriteAllText(_folder["d.json"], JsonSerializer.Serialize(Enumerable.Range(0, 20)
            .Select(place => (string[])[$"Turn the {(place % 3 == 0 ? "light" : "Heißung")} {place} on, please!", $"{place % 2}"])));
        var loaded = DataSets.Load(new DataSpec { Kind = "text", Train = _folder["d.json"], ValidationShare = 0 }, 1, 1);
        var vocabulary = loaded.Training.Vocabulary!;
        var reader = (IInstanceReader)InputForm.Of(key => key switch
        {
            "vocabulary" => JsonSerializer.Serialize(vocabulary.Pieces),
            "maximumLength" => $"{loaded.Training.SampleLength}",
            "tokenizer" => Vocabulary.Description,
            _ => null,
        })!.Reader();
        var values = new float[reader.Width];
        Assert.Empty(reader.Read(JsonSerializer.SerializeToElement("turn the HEIßUNG on now"), values));
        var expected = new float[reader.Width];
        vocabulary.Encode("turn the HEIßUNG on now", expected);
        Assert.Equal(expected, values);
        Assert.Null(InputForm.Of(key => key == "vocabulary" ? "[]" : key == "tokenizer" ? "bpe" : null));
    }

    private static byte[] Wav(Random random, int length)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("RIFF"u8);
        writer.Write(36 + 2 * length);
        writer.Write("WAVEfmt "u8);
        foreach (var number in (int[])[16, 1 | 1 << 16, 8000, 16000, 2 | 16 << 16]) writer.Write(number);
        writer.Write("data"u8);
        writer.Write(2 * length);
        for (var i = 0; i < length; i++) writer.Write((short)random.Next(-20000, 20000));
        return stream.ToArray();
    }
}
