using System.Buffers.Binary;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.TestKit;
using SkiaSharp;

namespace Fleet.Modeling.Tests.Data;

public sealed class FolderFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string At(string name)
    {
        var path = _folder[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    private void Picture(string name, byte value, int width = 4, int height = 3, bool grey = true)
    {
        using var bitmap = new SKBitmap(width, height, grey ? SKColorType.Gray8 : SKColorType.Rgba8888, SKAlphaType.Opaque);
        bitmap.Erase(new SKColor(value, value, value));
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(At(name), data.ToArray());
    }

    private void Sound(string name, int length, short value = 16384, int rate = 8000)
    {
        var bytes = new byte[44 + 2 * length];
        "RIFF"u8.CopyTo(bytes);
        "WAVEfmt "u8.CopyTo(bytes.AsSpan(8));
        "data"u8.CopyTo(bytes.AsSpan(36));
        foreach (var (at, number) in ((int, int)[])[
            (4, 36 + 2 * length), (16, 16), (20, 1 | 1 << 16), (24, rate), (28, 2 * rate), (32, 2 | 16 << 16), (40, 2 * length),
        ])
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), number);
        for (var i = 0; i < length; i++) BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(44 + 2 * i), value);
        File.WriteAllBytes(At(name), bytes);
    }

    private void TwoClasses(int each = 10)
    {
        for (var i = 0; i < each; i++)
        {
            Picture($"cat/{i}.png", 255);
            Picture($"dog/deep/{i}.png", 0);
        }
    }

    private DataSpec Here => new() { Train = _folder.Path };

    private static string Refused(DataSpec spec) => Assert.Throws<BuildException>(() => DataSets.Load(spec, null, 1)).Message;

    [Fact]
    public void Folder_of_pictures_has_a_class_for_each_folder_without_being_told_its_kind()
    {
        TwoClasses();
        var data = DataSets.Load(Here, 3, 1);
        Assert.Equal(["cat", "dog"], data.Classes);
        Assert.Equal([1, 3, 4], data.Training.SampleShape);
        Assert.Equal(20, data.Training.Count + data.Validation.Count + data.Test.Count);
        for (var i = 0; i < data.Test.Count; i++) Assert.Equal(data.Test.ClassNumbers[i] == 0 ? 1 : 0, data.Test.Sample(i)[0]);
    }

    [Fact]
    public void Folder_with_train_and_test_below_it_is_read_as_both()
    {
        for (var i = 0; i < 10; i++)
        {
            Picture($"train/a/{i}.png", 255);
            Picture($"train/b/{i}.png", 0);
        }
        Picture("test/a/1.png", 255);
        Picture("test/b/1.png", 0);
        var data = DataSets.Load(Here, 3, 1);
        Assert.Equal(2, data.Test.Count);
        Assert.Equal(["a", "b"], data.Classes);
    }

    [Fact]
    public void Classes_that_are_numbers_keep_their_names_and_stand_in_order_of_size()
    {
        foreach (var name in (string[])["10", "2", "1"])
        {
            for (var i = 0; i < 4; i++) Picture($"{name}/{i}.png", 9);
        }
        Assert.Equal(["1", "2", "10"], DataSets.Load(Here, 3, 1).Classes);
    }

    [Fact]
    public void Pictures_are_resized_and_greyed_where_that_is_asked()
    {
        TwoClasses();
        Picture("dog/colour.png", 0, 40, 30, grey: false);
        var data = DataSets.Load(Here with
        {
            Preprocessing = new Preprocessing { Width = 2, Height = 2, Colour = PictureColour.Grey },
        }, 3, 1);
        Assert.Equal([1, 2, 2], data.Training.SampleShape);
    }

    [Fact]
    public void Picture_that_tests_in_another_size_than_all_others_is_refused_with_its_name_and_how_to_resize()
    {
        for (var i = 0; i < 20; i++) Picture($"train/{(i < 10 ? "cat" : "dog")}/{i}.png", (byte)i);
        Picture("test/cat/large.png", 0, 40, 30);
        Picture("test/dog/0.png", 0);
        var message = Refused(Here);
        Assert.Contains("large.png is a picture of 40x30 pixels", message, StringComparison.Ordinal);
        Assert.Contains("data.preprocessing: { width: 4, height: 3 }", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(300, 150, 200, 120, new[] { 3, 96, 192 }, "7 sizes, 300x150 in the middle, become 192x96")]
    [InlineData(20, 20, 12, 12, new[] { 3, 20, 20 }, "2 sizes, 20x20 in the middle, become 20x20")]
    [InlineData(600, 400, 600, 400, new[] { 3, 96, 144 }, "1 size, 600x400 in the middle, become 144x96")]
    public void Photographs_become_their_usual_size_and_those_that_test_do_too(
        int width, int height, int otherWidth, int otherHeight, int[] shape, string note)
    {
        for (var i = 0; i < 6; i++)
        {
            Picture($"train/a/{i}.png", 255, width, height, grey: false);
            Picture($"train/b/{i}.png", 0, otherWidth + (otherWidth > 100 && width != otherWidth ? 5 * i : 0), otherHeight, grey: false);
        }
        Picture("test/a/1.png", 255, 50, 70, grey: false);
        Picture("test/b/1.png", 0, 1000, 20, grey: false);
        var data = DataSets.Load(Here, 3, 1);
        Assert.Equal(shape, data.Training.SampleShape);
        Assert.Equal(shape, data.Test.SampleShape);
        Assert.Equal(PictureFit.Crop, data.Preprocessing!.Fit);
        Assert.Contains(data.Notes, said => said.Contains(note, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(PictureFit.Pad)]
    [InlineData(PictureFit.Stretch)]
    public void Size_that_is_found_holds_for_pictures_that_test_however_they_are_fitted(PictureFit fit)
    {
        for (var i = 0; i < 20; i++) Picture($"train/{(i < 10 ? "cat" : "dog")}/{i}.png", (byte)i, 20 + i, 20);
        Picture("test/cat/large.png", 0, 40, 30);
        Picture("test/dog/0.png", 0);
        var data = DataSets.Load(Here with { Preprocessing = new Preprocessing { Fit = fit } }, 3, 1);
        Assert.Equal([1, 20, 30], data.Test.SampleShape);
        Assert.Equal((fit, PictureResize.Antialias), (data.Preprocessing!.Fit, data.Preprocessing.Resize));
    }

    [Fact]
    public void Pictures_of_several_manifests_become_one_size()
    {
        for (var i = 0; i < 20; i++)
        {
            Picture($"{i}.png", (byte)i, 20 + i, 20);
            File.AppendAllLines(_folder[i < 12 ? "list-1.csv" : "list-2.csv"],
                [.. i is 0 or 12 ? ["file,label"] : Array.Empty<string>(), $"{i}.png,{(i % 2 == 0 ? "even" : "odd")}"]);
        }
        var data = DataSets.Load(new DataSpec { Kind = "folder", Train = _folder["list-*.csv"] }, 3, 1);
        Assert.Equal([1, 20, 26], data.Training.SampleShape);
    }

    [Fact]
    public void Coloured_picture_among_grey_ones_gives_all_three_channels()
    {
        TwoClasses();
        Picture("dog/colour.png", 0, grey: false);
        Assert.Equal([3, 3, 4], DataSets.Load(Here, 3, 1).Training.SampleShape);
    }

    [Fact]
    public void Sound_named_by_its_label_is_padded_and_cut_to_the_length_of_most_files()
    {
        for (var i = 0; i < 20; i++)
        {
            Sound($"yes_ann_{i}.wav", 100);
            Sound($"no_ben_{i}.wav", 80, -16384);
        }
        Sound("no_ben_long.wav", 5000, -16384);
        var data = DataSets.Load(Here, 2, 1);
        Assert.Equal(["no", "yes"], data.Classes);
        Assert.Equal([1, 100], data.Training.SampleShape);
        Assert.Equal(41, data.Training.Count + data.Validation.Count + data.Test.Count);
        var no = Array.IndexOf(data.Test.ClassNumbers, 0L);
        Assert.Equal(-0.5f, data.Test.Sample(no)[79]);
    }

    [Fact]
    public void Sound_is_cut_into_windows_that_stay_together_where_their_length_is_asked()
    {
        for (var i = 0; i < 10; i++)
        {
            Sound($"yes/{i}.wav", 100);
            Sound($"no/{i}.wav", 100, -1);
        }
        var data = DataSets.Load(Here with { Preprocessing = new Preprocessing { Window = 40, Hop = 20 } }, 2, 1);
        Assert.Equal(80, data.Training.Count + data.Validation.Count + data.Test.Count);
        Assert.Empty(data.Training.Origins!.Intersect(data.Test.Origins!));
    }

    [Fact]
    public void Sound_of_another_rate_is_refused_with_its_name()
    {
        for (var i = 0; i < 4; i++) Sound($"yes/{i}.wav", 100);
        Sound("no/fast.wav", 100, rate: 16000);
        var message = Refused(Here);
        // Classes stand in alphabetical order: the first file gives the rate.
        Assert.Contains($"yes{Path.DirectorySeparatorChar}0.wav", message, StringComparison.Ordinal);
        Assert.Contains("convert it to 16000 Hz", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Manifest_names_files_and_labels()
    {
        TwoClasses(4);
        var rows = Enumerable.Range(0, 4).SelectMany(i => (string[])[$"cat/{i}.png,1.5", $"dog/deep/{i}.png,-2"]);
        File.WriteAllLines(_folder["list.csv"], ["file,weight", .. rows]);
        var data = DataSets.Load(new DataSpec { Train = _folder["list.csv"], LabelColumn = "weight", Task = ModelTask.Regression }, 3, 1);
        Assert.All(((ValueLabels)data.Training.Labels).Values, value => Assert.Contains(value, (float[])[1.5f, -2f]));
    }

    [Theory]
    [InlineData("file,label\ncat/0.png,cat\ngone.png,cat\n", "line 3 names")]
    [InlineData("file,label\ncat/0.png,cat\ncat/0.png,\n", "line 3 does not name a file and its label")]
    [InlineData("file,class\ncat/0.png,cat\n", "no column 'label' (data.labelColumn); its columns are file, class")]
    public void Manifest_that_is_broken_is_refused_with_its_line(string text, string expected)
    {
        TwoClasses(2);
        File.WriteAllText(_folder["list.csv"], text);
        Assert.Contains(expected, Refused(new DataSpec { Train = _folder["list.csv"] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_picture_is_refused_by_its_name()
    {
        TwoClasses();
        File.WriteAllBytes(At("cat/torn.png"), File.ReadAllBytes(_folder["cat/0.png"])[..40]);
        Assert.Contains("torn.png: The picture", Refused(Here), StringComparison.Ordinal);
    }

    [Fact]
    public void Form_of_sound_that_is_not_read_is_refused_with_what_helps()
    {
        Sound("yes/1.wav", 10);
        File.WriteAllText(At("no/1.mp3"), "x");
        Assert.Contains("1.mp3: sound is read from WAV and FLAC, not from .mp3: convert it", Refused(Here), StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_without_samples_and_files_without_labels_are_refused_with_what_helps()
    {
        Assert.Contains("a folder for each class", Refused(Here), StringComparison.Ordinal);
        Picture("one.png", 1);
        Assert.Contains("one.png is labelled with cannot be told: put the samples of each class into a folder", Refused(Here),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Setting_of_pictures_is_refused_for_sound()
    {
        Sound("yes/1.wav", 10);
        Sound("no/1.wav", 10);
        Assert.Contains("holds sound, which width, height of data.preprocessing are not for",
            Refused(Here with { Preprocessing = new Preprocessing { Width = 2, Height = 2 } }), StringComparison.Ordinal);
    }
}
