using Fleet.Contracts.Tensors;

namespace Fleet.Contracts.Tests;

public sealed class NpyTests
{
    [Fact]
    public void Array_survives_the_file()
    {
        var array = NpyArray.Of([1.5f, -2, 3, 4, 5, 6], 2, 3);
        var read = NpyArray.Parse(array.ToFile());
        Assert.Equal([2, 3], read.Shape);
        Assert.Equal(array.ToSingles(), read.ToSingles());
        Assert.Equal(0, (array.ToFile().Length - 24) % 64);
    }

    [Fact]
    public void File_that_is_cut_short_is_refused_with_both_sizes()
    {
        var file = NpyArray.Of([1L, 2, 3], 3).ToFile();
        Assert.Contains("needs 24", Assert.Throws<FormatException>(() => NpyArray.Parse(file.AsMemory(0, file.Length - 1))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Archive_that_unpacks_to_more_than_allowed_is_refused()
    {
        using var file = new MemoryStream();
        NpzArchive.Write(file, [new("x", NpyArray.Of(new float[1000], 1000))]);
        Assert.Throws<FormatException>(() => NpzArchive.Read(file, 1000));
        Assert.Equal(1000, NpzArchive.Read(file, 10_000)["x"].Length);
    }
}
