using System.Globalization;
using System.Text.Json;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;

namespace Fleet.Contracts.Tests.Inputs;

/// <summary>What an application sends that is not what a model takes is refused with what it takes.</summary>
public sealed class InstanceTests
{
    private static readonly PictureReader Pictures = new(new Preprocessing { Width = 2, Height = 1, Colour = PictureColour.Rgb });
    private static readonly SoundReader Sounds = new(new Preprocessing { Window = 4, SampleRate = 8000 });

    [Theory]
    [InlineData("""[[[255,0,51]]]""", "1 1 0 0 0.2 0.2")]
    [InlineData("""[[255,0]]""", "1 0 1 0 1 0")]
    [InlineData("""{"b64":"/wAz","width":1,"height":1}""", "1 1 0 0 0.2 0.2")]
    [InlineData("""{"b64":"/wAzgA==","width":1,"height":1}""", "1 1 0 0 0.2 0.2")]
    public void Picture_is_lists_or_raw_pixels(string instance, string expected)
        => Assert.Equal(expected, Text(Pictures, instance));

    [Theory]
    [InlineData("7", "it must be a picture: rows of pixels of 0 to 255")]
    [InlineData("{}", "it must be a picture: rows of pixels of 0 to 255")]
    [InlineData("[]", "The picture has 0x0 pixels")]
    [InlineData("[[[1,2,3]],[[1,2,3],[1,2,3]]]", "its rows must be lists of as many pixels as the first, 1")]
    [InlineData("[[[1,2,3],[1,2]]]", "a pixel must be [red, green, blue], as the first is")]
    [InlineData("[[[1,2,256]]]", "it holds 256 where a whole number of 0 to 255 is needed")]
    [InlineData("[[0.5]]", "it holds 0.5 where a whole number of 0 to 255 is needed")]
    [InlineData("""{"b64":"/wAz","width":2,"height":1}""", "b64 holds 3 bytes, and 2x1 pixels have 1, 3 or 4 each")]
    [InlineData("""{"b64":"/wAz","width":1}""", "it names one of width and height, and needs both")]
    [InlineData("""{"b64":"/wAz","width":-1,"height":1}""", "width is -1, not a number of pixels")]
    [InlineData("""{"b64":"/wAz","width":1000000,"height":1000000}""", "The picture has 1000000x1000000 pixels")]
    [InlineData("""{"b64":"?"}""", "b64 is not base64")]
    [InlineData("""{"b64":"iVBORw0KGgo="}""", "b64 is a PNG or JPEG file, which a device does not decode")]
    public void What_is_no_picture_is_refused(string instance, string problem)
        => Assert.StartsWith(problem, Refused(Pictures, instance), StringComparison.Ordinal);

    [Fact]
    public void Memory_is_not_taken_for_pixels_that_only_the_first_row_promises()
    {
        using var json = JsonDocument.Parse(
            $"[[{string.Join(',', Enumerable.Repeat("0", 4000))}]{string.Concat(Enumerable.Repeat(",[]", 3999))}]");
        var values = new float[Pictures.Width];
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.StartsWith("its rows must be lists of as many pixels as the first, 4000",
            Assert.Throws<FormatException>(() => Pictures.Read(json.RootElement, values)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Picture_whose_side_is_too_long_is_refused_however_it_comes()
    {
        byte[] pixels = new byte[16_385], file = [.. "P5 1 16385 255\n"u8, .. pixels];
        const string Problem = " pixels, and a side has up to 16384: make it smaller";
        Assert.Equal("it has 1x16385" + Problem, Refused(Pictures, $"[{string.Join(',', Enumerable.Repeat("[0]", 16_385))}]"));
        Assert.Equal("it has 16385x1" + Problem,
            Refused(Pictures, $$"""{"b64":"{{Convert.ToBase64String(pixels)}}","width":16385,"height":1}"""));
        Assert.Equal("it has 1x16385" + Problem, Refused(Pictures, $$"""{"b64":"{{Convert.ToBase64String(file)}}"}"""));
        Assert.Equal(6, Read(Pictures, $$"""{"b64":"{{Convert.ToBase64String(pixels[1..])}}","width":16384,"height":1}""").Length);
    }

    [Theory]
    [InlineData("true", "[\"false\",\"true\"]", "0 1")]
    [InlineData("false", "[\"False\",\"True\"]", "1 0")]
    [InlineData("true", "[\"TRUE\",\"true\"]", "0 1")]
    [InlineData("\"True\"", "[\"false\",\"true\"]", "0 0")]
    public void Truth_value_is_the_word_that_the_table_had(string value, string words, string expected)
    {
        var form = InputForm.Read($$$"""{"table":{"columns":[{"name":"on","kind":"category","words":{{{words}}}}]}}""");
        Assert.Equal(expected, Text((IInstanceReader)form.Reader(), $$"""{"on":{{value}}}"""));
    }

    [Theory]
    [InlineData("[0.5,-1]", "0.5 -1 0 0")]
    [InlineData("[1,0.5,0,-0.5,-1]", "1 0.5 0 -0.5")]
    [InlineData("[[1,0],[0,1]]", "0.5 0.5 0 0")]
    public void Sound_is_cut_or_followed_by_silence_and_channels_become_one(string instance, string expected)
        => Assert.Equal(expected, Text(Sounds, instance));

    [Theory]
    [InlineData("\"a\"", "it must be sound of 8000 Hz: a list of values from -1 to 1")]
    [InlineData("[]", "it holds no sound")]
    [InlineData("[[0,1],[0]]", "its channels must be lists of as many values as the first, 2")]
    [InlineData("[0,\"a\"]", "it must hold numbers, or a list of numbers for each channel")]
    [InlineData("[[]]", "it holds no sound")]
    [InlineData("""{"b64":"AAAA"}""", "The file does not begin as a WAV file does")]
    [InlineData("[[0],[0],[0],[0],[0],[0],[0],[0],[0]]", "it has 9 channels; up to 8 are taken")]
    public void What_is_no_sound_is_refused(string instance, string problem)
        => Assert.StartsWith(problem, Refused(Sounds, instance), StringComparison.Ordinal);

    [Fact]
    public void Numbers_come_in_one_list_or_nested_as_the_input_is()
    {
        var numbers = new NumbersReader([2, 2]);
        Assert.Equal([1, 2, 3, 4], Read(numbers, "[1,2,3,4]"));
        Assert.Equal([1, 2, 3, 4], Read(numbers, "[[1,2],[3,4]]"));
        Assert.Equal("it must hold numbers in lists of [2, 2], or 4 numbers in one list; along axis 1 it has 1",
            Refused(numbers, "[[1,2],[3]]"));
        Assert.Equal("it holds 1e60 where a number is needed", Refused(numbers, "[1,2,3,1e60]"));
    }

    [Theory]
    [InlineData("vocabulary", "[]", "vocabulary has 0 pieces; 1 to 1048576 are read.")]
    [InlineData("vocabulary", "{}", "vocabulary is not a list of pieces")]
    [InlineData("vocabulary", """["a","a"]""", "vocabulary has a piece twice.")]
    [InlineData("maximumLength", "65537", "maximumLength is '65537'; it must be 1 to 65536.")]
    [InlineData("maximumLength", "-1", "maximumLength is '-1'; it must be 1 to 65536.")]
    public void Vocabulary_of_a_file_is_checked(string key, string value, string problem)
        => Assert.StartsWith(problem, Assert.Throws<FormatException>(() => InputForm.Of(asked => asked == key ? value : asked switch
        {
            "vocabulary" => """["[PAD]","[UNK]"]""",
            "maximumLength" => "4",
            "tokenizer" => Vocabulary.Description,
            _ => null,
        })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"picture":{}}""", "fleet.input: pictures become samples of a width and height")]
    [InlineData("""{"picture":{"width":16385,"height":1,"colour":"grey"}}""", "fleet.input: pictures become samples of a width and height")]
    [InlineData("""{"picture":{"width":2,"height":2,"colour":"rgb","mean":[1,2]}}""", "fleet.input: There are 2 numbers in mean")]
    [InlineData("""{"sound":{"window":4}}""", "fleet.input: sound becomes samples of a window and a rate")]
    [InlineData("""{}""", "fleet.input says nothing of what is made an input.")]
    public void Form_that_cannot_be_carried_out_is_refused(string form, string problem) => Assert.StartsWith(
        problem, Assert.Throws<FormatException>(() => InputForm.Read(form).Reader()).Message, StringComparison.Ordinal);

    private static float[] Read(IInstanceReader reader, string instance)
    {
        using var json = JsonDocument.Parse(instance);
        var values = new float[reader.Width];
        reader.Read(json.RootElement, values);
        return values;
    }

    private static string Text(IInstanceReader reader, string instance)
        => string.Join(' ', Read(reader, instance).Select(value => value.ToString(CultureInfo.InvariantCulture)));

    private static string Refused(IInstanceReader reader, string instance)
        => Assert.Throws<FormatException>(() => Read(reader, instance)).Message;
}
