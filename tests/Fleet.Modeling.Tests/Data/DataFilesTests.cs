using System.Buffers.Binary;
using System.IO.Compression;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class DataFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Npz(string name, NpyArray inputs, NpyArray labels, string labelsName = "labels")
    {
        using var file = File.Create(_folder[name]);
        NpzArchive.Write(file, [new("x", inputs), new(labelsName, labels)]);
        return _folder[name];
    }

    private string Bytes(string name, byte[] bytes)
    {
        File.WriteAllBytes(_folder[name], bytes);
        return _folder[name];
    }

    private string Text(string name, string text) => Bytes(name, System.Text.Encoding.UTF8.GetBytes(text));

    private static byte[] Idx(byte type, int[] shape, byte[] data)
    {
        var file = new byte[4 + 4 * shape.Length + data.Length];
        (file[2], file[3]) = (type, (byte)shape.Length);
        for (var axis = 0; axis < shape.Length; axis++) BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(4 + 4 * axis), shape[axis]);
        data.CopyTo(file, 4 + 4 * shape.Length);
        return file;
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(bytes);
        return packed.ToArray();
    }

    private static NpyArray Floats(int samples, int length, Func<int, float>? value = null)
        => NpyArray.Of([.. Enumerable.Range(0, samples * length).Select(i => value?.Invoke(i) ?? i)], samples, length);

    private static NpyArray Labels(int samples, int classes)
        => NpyArray.Of([.. Enumerable.Range(0, samples).Select(i => (long)(i % classes))], samples);

    private static string Refused(DataSpec spec, int rank = 2) => Assert.Throws<BuildException>(() => DataSets.Load(spec, rank, 1)).Message;

    [Fact]
    public void Npz_with_inputs_and_labels_is_read_and_gets_a_channel_axis()
    {
        var data = DataSets.Load(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 16), Labels(40, 2)) }, 2, 1);
        Assert.Equal([1, 16], data.Training.SampleShape);
        Assert.Equal(40, data.Training.Count + data.Validation.Count + data.Test.Count);
        Assert.Equal(["0", "1"], data.Classes);
    }

    [Fact]
    public void Npy_inputs_and_labels_are_read_from_a_file_each()
    {
        var train = Bytes("x.npy", Floats(40, 16).ToFile());
        var labels = Bytes("y.npy", Labels(40, 2).ToFile());
        var data = DataSets.Load(new DataSpec { Kind = "npy", Train = train, TrainLabels = labels }, 2, 1);
        // A sample keeps its label through every cut: sample i begins at 16 i and its label is i mod 2.
        for (var i = 0; i < data.Training.Count; i++)
            Assert.Equal((long)data.Training.Sample(i)[0] / 16 % 2, data.Training.ClassNumbers[i]);
    }

    // As NumPy writes np.array([...]): UTF-32, filled up with zeros.
    private static byte[] Words(string[] words, string kind = "U", string? shape = null)
    {
        var longest = words.Max(word => word.Length);
        var header = $"{{'descr': '{(kind == "U" ? '<' : '|')}{kind}{(kind == "O" ? "" : longest)}', 'fortran_order': False, "
            + $"'shape': ({shape ?? $"{words.Length},"}), }}\n";
        var encoding = kind == "U" ? System.Text.Encoding.UTF32 : System.Text.Encoding.UTF8;
        return [
            0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. System.Text.Encoding.Latin1.GetBytes(header),
            .. words.SelectMany(word => encoding.GetBytes(word.PadRight(longest, '\0'))),
        ];
    }

    [Theory]
    [InlineData("U")]
    [InlineData("S")]
    public void Npy_and_npz_labels_may_be_words(string kind)
    {
        string[] words = [.. Enumerable.Range(0, 40).Select(i => i % 2 == 0 ? "ok" : "worn")];
        var inputs = Bytes("x.npy", Floats(40, 16).ToFile());
        var data = DataSets.Load(new DataSpec { Train = inputs, TrainLabels = Bytes("y.npy", Words(words, kind)) }, 2, 1);
        Assert.Equal(["ok", "worn"], data.Classes);
        for (var i = 0; i < data.Training.Count; i++)
            Assert.Equal((long)data.Training.Sample(i)[0] / 16 % 2, data.Training.ClassNumbers[i]);

        using (var file = File.Create(_folder["w.npz"]))
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create))
        {
            foreach (var (name, bytes) in new[] { ("x.npy", Floats(40, 16).ToFile()), ("labels.npy", Words(words, kind)) })
            {
                using var entry = archive.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        }
        Assert.Equal(["ok", "worn"], DataSets.Load(new DataSpec { Train = _folder["w.npz"] }, 2, 1).Classes);
    }

    [Theory]
    [InlineData("O", "2,", "save words with np.array(labels, dtype=str)")]
    [InlineData("U", "1, 2", "one axis of words is read")]
    [InlineData("U", "3,", "one axis of words is read")]
    public void Npy_labels_that_are_no_list_of_words_are_refused_with_what_helps(string kind, string shape, string expected)
        => Assert.Contains(expected, Refused(new DataSpec
        {
            Train = Bytes("x.npy", Floats(2, 16).ToFile()),
            TrainLabels = Bytes("y.npy", Words(["a", "b"], kind, shape)),
        }), StringComparison.Ordinal);

    [Fact]
    public void Idx_is_read_packed_and_plain_alike()
    {
        var images = Idx(0x08, [8, 4, 4], [.. Enumerable.Range(0, 128).Select(i => (byte)i)]);
        var labels = Idx(0x08, [8], [0, 1, 0, 1, 0, 1, 0, 1]);
        var plain = IdxFiles.Read(Bytes("x", images), Bytes("y", labels));
        var packed = IdxFiles.Read(Bytes("x.gz", Gzip(images)), Bytes("y.gz", Gzip(labels)));
        Assert.Equal([4, 4], plain.SampleShape);
        Assert.Equal(127, plain.Inputs[^1]);
        Assert.Equal(plain.Inputs, packed.Inputs);
        Assert.Equal(plain.Labels.Values, packed.Labels.Values);
    }

    [Fact]
    public void Idx_of_floats_is_big_endian()
    {
        var data = new byte[8];
        BinaryPrimitives.WriteSingleBigEndian(data, 1.5f);
        BinaryPrimitives.WriteSingleBigEndian(data.AsSpan(4), -2f);
        Assert.Equal([1.5f, -2f], IdxFiles.Read(Bytes("x", Idx(0x0d, [2, 1], data)), Bytes("y", Idx(0x08, [2], [0, 1]))).Inputs);
    }

    [Fact]
    public void Csv_reads_quoted_fields_and_numbers_its_named_labels()
    {
        var path = Text("a.csv", "a,\"b, or so\",state\r\n1,2.5,\"worn \"\"out\"\"\"\r\n-3e-1,4,fine\r\n\r\n5,6,fine\r\n");
        var raw = CsvFiles.Read(path, ["state"]);
        Assert.Equal([1, 2.5f, -0.3f, 4, 5, 6], raw.Inputs);
        Assert.Equal(["fine", "worn \"out\""], raw.Labels.Names!);
        Assert.Equal([1, 0, 0], raw.Labels.Values);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("a,b\n1,2\n", "no column 'label'")]
    [InlineData("a,label\n1,0\n1,2,3\n", "line 3 has 3 fields where the header has 2")]
    [InlineData("a,label\n1,0\n2,0\n3,0\n4,0\n5,0\n6,0\n7,0\n8,0\n9,0\nx,0\n", "line 11, column 'a' holds 'x', which is not a number")]
    [InlineData("a,label\n\"1,0\n", "line 2 is never closed")]
    [InlineData("a,label\n1\"2,0\n", "quote inside a field")]
    [InlineData("a,label\n\"1\"2,0\n", "text behind a closed quote")]
    public void Csv_that_is_broken_is_refused_with_its_line(string text, string expected)
    {
        var message = Refused(new DataSpec { Kind = "csv", Train = Text("a.csv", text), LabelColumn = "label" });
        Assert.Contains("a.csv", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Csv_test_file_with_a_class_the_training_file_lacks_is_refused()
    {
        var rows = string.Concat(Enumerable.Range(0, 20).Select(i => $"{i},{(i % 2 == 0 ? "good" : "bad")}\n"));
        var spec = new DataSpec
        {
            Kind = "csv",
            LabelColumn = "label",
            Train = Text("a.csv", "a,label\n" + rows),
            Test = Text("b.csv", "a,label\n1,good\n2,ugly\n"),
        };
        Assert.Contains("'ugly'", Refused(spec), StringComparison.Ordinal);
    }

    [Fact]
    public void Csv_test_labels_count_as_those_of_the_training_file_do()
    {
        var rows = string.Concat(Enumerable.Range(0, 20).Select(i => $"{i},{(i % 2 == 0 ? "good" : "bad")}\n"));
        // Alone, this file would number 'good' 0.
        var spec = new DataSpec
        {
            Kind = "csv",
            LabelColumn = "label",
            Train = Text("a.csv", "a,label\n" + rows),
            Test = Text("b.csv", "a,label\n1,good\n"),
        };
        var data = DataSets.Load(spec, 2, 1);
        Assert.Equal("good", data.Classes[(int)data.Test.ClassNumbers[0]]);
    }

    [Fact]
    public void File_that_is_missing_is_named()
        => Assert.Contains("nowhere.npz does not exist", Refused(new DataSpec { Kind = "npz", Train = _folder["nowhere.npz"] }),
            StringComparison.Ordinal);

    [Fact]
    public void Labels_that_are_fewer_than_samples_are_refused_with_both_counts()
    {
        var message = Refused(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 4), Labels(39, 2)) });
        Assert.Contains("40 samples", message, StringComparison.Ordinal);
        Assert.Contains("39 labels", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Value_that_is_not_a_number_is_refused_with_its_sample()
        => Assert.Contains("NaN at sample 3 (counted from 0)",
            Refused(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 4, i => i == 13 ? float.NaN : i), Labels(40, 2)) }),
            StringComparison.Ordinal);

    [Fact]
    public void Label_outside_the_classes_is_refused_with_its_sample()
    {
        var labels = NpyArray.Of([.. Enumerable.Range(0, 40).Select(i => i == 7 ? 5L : i % 2)], 40);
        Assert.Contains("label 5 at sample 7",
            Refused(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 4), labels), Classes = ["good", "bad"] }),
            StringComparison.Ordinal);
    }

    /// <summary>A number among the samples of all files is of no use to who must repair one.</summary>
    [Theory]
    [InlineData("csv", "x,label\n", "0.5,{0}\n", "line 9")]
    [InlineData("ucr", "", "{0}\t0.5\t0.25\n", "line 8")]
    [InlineData("text", "text,label\n", "say it,{0}\n", "line 9")]
    public void Label_outside_the_classes_is_refused_with_its_file_and_line(string kind, string header, string row, string place)
    {
        void Write(string name, int bad) => File.WriteAllText(_folder[name], header + string.Concat(Enumerable.Range(0, 40)
            .Select(i => row.Replace("{0}", i == bad ? "5" : i % 2 == 0 ? "1" : "2", StringComparison.Ordinal))));
        Write("a.txt", -1);
        Write("b.txt", 7);
        var spec = new DataSpec { Kind = kind, Train = _folder["*.txt"], LabelColumn = "label", Classes = ["1", "2"] };
        Assert.Contains($" at b.txt, {place}", Refused(spec), StringComparison.Ordinal);
        Assert.Contains($" at {place}", Refused(spec with { Train = _folder["b.txt"] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Label_outside_the_classes_is_refused_with_its_file()
    {
        NpyArray Marked(int bad) => NpyArray.Of([.. Enumerable.Range(0, 40).Select(i => i == bad ? 5L : i % 2)], 40);
        Npz("a.npz", Floats(40, 4), Marked(-1));
        Npz("b.npz", Floats(40, 4), Marked(7));
        Assert.Contains("label 5 at b.npz, sample 7 (counted from 0)",
            Refused(new DataSpec { Kind = "npz", Train = _folder["*.npz"], Classes = ["good", "bad"] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Negative_label_is_refused()
    {
        var labels = NpyArray.Of([.. Enumerable.Range(0, 40).Select(i => i == 7 ? -1L : i % 2)], 40);
        Assert.Contains("label -1 at sample 7", Refused(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 4), labels) }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Test_samples_of_another_shape_are_refused_with_both_shapes()
    {
        var message = Refused(new DataSpec
        {
            Kind = "npz",
            Train = Npz("a.npz", Floats(40, 4), Labels(40, 2)),
            Test = Npz("b.npz", Floats(10, 5), Labels(10, 2)),
        });
        Assert.Contains("(1, 5)", message, StringComparison.Ordinal);
        Assert.Contains("(1, 4)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sample_shape_that_does_not_hold_a_sample_is_refused()
        => Assert.Contains("data.sampleShape (3, 5)",
            Refused(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 16), Labels(40, 2)), SampleShape = [3, 5] }),
            StringComparison.Ordinal);

    [Fact]
    public void Signals_given_to_an_image_family_are_refused_with_the_remedy()
        => Assert.Contains("choose another family",
            Refused(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 16), Labels(40, 2)) }, rank: 3), StringComparison.Ordinal);

    [Fact]
    public void Archive_without_labels_says_what_it_holds()
        => Assert.Contains("x, target",
            Refused(new DataSpec { Kind = "npz", Train = Npz("a.npz", Floats(40, 4), Labels(40, 2), "target") }), StringComparison.Ordinal);

    [Fact]
    public void Idx_with_another_magic_is_refused_with_its_bytes()
    {
        var message = Refused(new DataSpec
        {
            Kind = "idx",
            Train = Bytes("x", [0, 0, 7, 3, 1, 2]),
            TrainLabels = Bytes("y", [0, 0, 8, 1]),
        });
        Assert.Contains("0x00000703", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Idx_that_is_cut_short_is_refused()
        => Assert.Contains("127 bytes of data",
            Refused(new DataSpec
            {
                Kind = "idx",
                Train = Bytes("x", Idx(0x08, [8, 4, 4], new byte[127])),
                TrainLabels = Bytes("y", Idx(0x08, [8], new byte[8])),
            }), StringComparison.Ordinal);

    [Fact]
    public void Idx_whose_extents_overflow_is_refused()
        => Assert.Contains("not what its shape",
            Refused(new DataSpec
            {
                Kind = "idx",
                Train = Bytes("x", Idx(0x08, [int.MaxValue, int.MaxValue, int.MaxValue], new byte[16])),
                TrainLabels = Bytes("y", Idx(0x08, [8], new byte[8])),
            }), StringComparison.Ordinal);

    [Fact]
    public void Idx_images_and_labels_that_were_exchanged_are_noticed()
    {
        var images = Bytes("x", Idx(0x08, [2, 2, 2], new byte[8]));
        var labels = Bytes("y", Idx(0x08, [2], new byte[2]));
        Assert.Contains("exchanged", Refused(new DataSpec { Kind = "idx", Train = labels, TrainLabels = images }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Gzip_that_ends_early_is_refused_with_its_name()
    {
        var packed = Gzip(Idx(0x08, [8, 4, 4], [.. Enumerable.Range(0, 128).Select(i => (byte)(i * 37))]));
        var path = Bytes("x.gz", packed[..(packed.Length / 2)]);
        Assert.Contains("x.gz", Refused(new DataSpec { Kind = "idx", Train = path, TrainLabels = path }), StringComparison.Ordinal);
    }

    [Fact]
    public void Fashion_mnist_is_read_as_ten_thousand_images_of_ten_classes()
    {
        var raw = IdxFiles.Read(
            SharedFiles.Require("fashion-mnist/t10k-images-idx3-ubyte.gz"), SharedFiles.Require("fashion-mnist/t10k-labels-idx1-ubyte.gz"));
        Assert.Equal([28, 28], raw.SampleShape);
        Assert.Equal(Enumerable.Repeat(1000, 10),
            raw.Labels.Values.CountBy(label => label).OrderBy(count => count.Key).Select(count => count.Value));
        Assert.Equal(255, raw.Inputs.Max());
    }
}
