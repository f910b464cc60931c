using System.Text;
using Fleet.Contracts.Media;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Tests.Samples;

/// <summary>Samples as people have them: one file, many files, a folder for each class, pictures.</summary>
public sealed class ModelSamplesTests : IDisposable
{
    private static readonly ModelInput[] Row = [Input("x", -1, 3)];
    private static readonly ModelInput[] Picture = [Input("image", 1, 3, 1, 2)];
    private static readonly ModelInput[] Streaming = [Input("x", 1, 3), Input("state", 2, 1, 2), Input("rate")];

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Labels_of_an_npz_are_not_an_input()
    {
        var samples = Read(Npz("a.npz", ("anything", NpyArray.Of(new float[6], 2, 3)), ("labels", NpyArray.Of([4L, 2], 2))), Row);
        Assert.Equal([4L, 2], samples.Truth.Classes!);
        Assert.Equal(2, samples.Feeds.Count);
    }

    [Fact]
    public void Folder_for_each_class_gives_labels_in_the_order_of_names()
    {
        Npy("data/b/2.npy", NpyArray.Of([7f, 8, 9, 10, 11, 12], 2, 3));
        Npy("data/a/1.npy", NpyArray.Of([1f, 2, 3], 3));
        Npz("data/b/1.npz", ("x", NpyArray.Of([4f, 5, 6], 1, 3)));
        var samples = Read(_folder.File("data"), Row);
        Assert.Equal([0L, 1, 1, 1], samples.Truth.Classes!);
        Assert.Equal([1f, 4, 7, 10], FirstValues(samples));
    }

    [Fact]
    public void Folder_of_files_without_labels_has_none()
    {
        Npy("data/1.npy", NpyArray.Of([1f, 2, 3], 3));
        Npy("data/2.npy", NpyArray.Of([4f, 5, 6], 1, 3));
        File.WriteAllText(_folder.File("data/notes.txt"), "not a sample");
        var samples = Read(_folder.File("data"), Row);
        Assert.Null(samples.Truth.Classes);
        Assert.Equal([1f, 4], FirstValues(samples));
    }

    [Fact]
    public void Picture_becomes_planes_of_values_from_0_to_1()
    {
        Directory.CreateDirectory(_folder.File("data"));
        File.WriteAllBytes(_folder.File("data/1.ppm"), [.. Encoding.ASCII.GetBytes("P6\n# by hand\n2 1\n255\n"), 255, 0, 51, 0, 102, 0]);
        using var feed = Read(_folder.File("data"), Picture).Feeds.Batches(1).Single();
        Assert.Equal([1f, 0, 0, 0.4f, 0.2f, 0], feed.Values.Single().GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void One_sample_of_a_streaming_model_is_its_inputs_as_they_are()
    {
        var samples = Read(Npz("a.npz", ("x", NpyArray.Of(new float[3], 1, 3)), ("state", NpyArray.Of(new float[4], 2, 1, 2)),
            ("rate", NpyArray.Of([16000f]))), Streaming);
        Assert.Equal(1, samples.Feeds.Count);
        using var feed = samples.Feeds.Batches(1).Single();
        Assert.Equal([1L, 3], feed.Values.First().GetTensorTypeAndShape().Shape);
    }

    [Fact]
    public void Labels_beside_the_data_stand_above_those_in_it()
    {
        var data = Npz("a.npz", ("x", NpyArray.Of(new float[6], 2, 3)), ("labels", NpyArray.Of([0L, 0], 2)));
        Assert.Equal([1L, 1], ModelSamples.Read(data, Row, ModelState.None, 1, Npy("labels.npy", NpyArray.Of([1L, 1], 2))).Truth.Classes!);
        Assert.Contains("3 labels for 2 samples",
            Assert.Throws<InvalidDataException>(() =>
                ModelSamples.Read(data, Row, ModelState.None, 1, Npy("three.npy", NpyArray.Of([1L, 1, 1], 3)))).Message,
                    StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_used_is_refused_with_the_file_and_the_reason()
    {
        string Refusal(string data, ModelInput[] inputs) => Assert.Throws<InvalidDataException>(() => Read(data, inputs)).Message;
        Assert.Contains("a.npz: array 'x' holds NaN in sample 1",
            Refusal(Npz("a.npz", ("x", NpyArray.Of([1f, 2, 3, 4, float.NaN, 6], 2, 3))), Row), StringComparison.Ordinal);
        Assert.Contains("b.npz holds 3 labels for 2 samples",
            Refusal(Npz("b.npz", ("x", NpyArray.Of(new float[6], 2, 3)), ("labels", NpyArray.Of([1L, 2, 3], 3))), Row),
            StringComparison.Ordinal);
        Assert.Contains("nowhere.npz does not exist.", Refusal(_folder.File("nowhere.npz"), Row), StringComparison.Ordinal);

        Directory.CreateDirectory(_folder.File("empty"));
        Assert.Contains("empty holds no samples; npy, npz, PNG", Refusal(_folder.File("empty"), Row), StringComparison.Ordinal);
        Npy("mixed/1.npy", NpyArray.Of(new float[3], 3));
        Npy("mixed/class/1.npy", NpyArray.Of(new float[3], 3));
        Assert.Contains("side by side", Refusal(_folder.File("mixed"), Row), StringComparison.Ordinal);
        Npz("half/1.npz", ("x", NpyArray.Of(new float[3], 1, 3)), ("labels", NpyArray.Of([1L], 1)));
        Npy("half/2.npy", NpyArray.Of(new float[3], 3));
        Assert.Contains("1 of 2 files have labels", Refusal(_folder.File("half"), Row), StringComparison.Ordinal);
        Npy("wrong/1.npy", NpyArray.Of(new float[4], 4));
        Assert.Contains("1.npy: array of shape (4)", Refusal(_folder.File("wrong"), Row), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("P3\n2 1\n255\n", 6)]
    [InlineData("P6\n2 1\n65535\n", 12)]
    [InlineData("P6\n2 1\n255\n", 5)]
    [InlineData("P6\n0 1\n255\n", 0)]
    [InlineData("P6\n99999 99999\n255\n", 6)]
    [InlineData("P6\n2 x\n255\n", 6)]
    [InlineData("P6\n# no end", 0)]
    [InlineData("P", 0)]
    public void Picture_that_is_none_is_refused(string header, int pixels)
        => Assert.Throws<FormatException>(() => PortableImage.Read([.. Encoding.ASCII.GetBytes(header), .. new byte[pixels]]));

    private static ModelInput Input(string name, params int[] extents)
        => new(name, TensorElementType.Float, extents, [.. extents.Select(_ => "")]);

    private static ModelSamples Read(string data, ModelInput[] inputs) => ModelSamples.Read(data, inputs, ModelState.None, seed: 1);

    private static float[] FirstValues(ModelSamples samples) => [.. samples.Feeds.Batches(1).Select(feed =>
    {
        using (feed) return feed.Values.First().GetTensorDataAsSpan<float>()[0];
    })];

    private string Npy(string name, NpyArray array)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
        File.WriteAllBytes(_folder.File(name), array.ToFile());
        return _folder.File(name);
    }

    private string Npz(string name, params (string Name, NpyArray Array)[] arrays)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_folder.File(name))!);
        using var file = File.Create(_folder.File(name));
        NpzArchive.Write(file, arrays.Select(pair => KeyValuePair.Create(pair.Name, pair.Array)));
        return _folder.File(name);
    }
}
