using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class SampleRoomTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Windows of a table, which are many more values than the table has.</summary>
    private DataSpec Series()
    {
        var random = new Random(1);
        File.WriteAllLines(_folder["series.csv"], [
            "a,b,state",
            .. Enumerable.Range(0, 900).Select(row => string.Create(CultureInfo.InvariantCulture,
                $"{random.NextSingle()},{random.NextSingle() + row / 300},{(row / 50 % 2 == 0 ? "still" : "moving")}")),
        ]);
        return new DataSpec
        {
            Kind = "series",
            Train = _folder["series.csv"],
            LabelColumn = "state",
            Series = new SeriesSpec { Window = 16 },
        };
    }

    /// <summary>An array with its labels, packed as people pack such files.</summary>
    private DataSpec Array(string type)
    {
        var random = new Random(2);
        float[] values = [.. Enumerable.Range(0, 200 * 24).Select(_ => MathF.Round(100 * random.NextSingle()))];
        var inputs = type == "u1" ? new NpyArray("u1", [200, 2, 12], values.Select(value => (byte)value).ToArray())
            : NpyArray.Of(values, 200, 2, 12);
        File.WriteAllBytes(_folder["x.npy"], inputs.ToFile());
        File.WriteAllBytes(_folder["y.npy"], NpyArray.Of([.. Enumerable.Range(0, 200).Select(sample => (long)sample % 2)], 200).ToFile());
        return new DataSpec { Kind = "npy", Train = _folder["x.npy"], TrainLabels = _folder["y.npy"] };
    }

    [Theory]
    [InlineData("series")]
    [InlineData("f4")]
    [InlineData("u1")]
    public void What_lies_in_files_is_what_would_lie_in_memory(string kind)
    {
        var spec = kind == "series" ? Series() : Array(kind);
        var held = DataSets.Load(spec, 2, seed: 3);
        using var room = SampleRoom.In(_folder["room"], mostHeld: 10);
        var mapped = DataSets.Load(spec, 2, seed: 3, room);

        Assert.IsType<MappedValues>(mapped.Training.Values);
        Assert.Equal(held.Sha256(), mapped.Sha256());
        Assert.Equal(held.Training.Inputs, mapped.Training.Inputs);
        Assert.Equal(held.Training.Batch(3, 5).ToArray(), mapped.Training.Batch(3, 5).ToArray());
        int[] some = [7, 2, 2, 11];
        Assert.Equal(held.Training.Pick(some).Pick([3, 0]).Inputs, mapped.Training.Pick(some).Pick([3, 0]).Inputs);
        Assert.Equal(held.Training.Join(held.Test).Inputs, mapped.Training.Join(mapped.Test).Inputs);
    }

    [Fact]
    public void Files_have_no_name_and_are_gone_when_the_room_is_given_back()
    {
        var room = SampleRoom.In(_folder["room"], mostHeld: 10);
        var values = room.Take(1_000);
        values.Part(990, 10).Fill(1);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder["room"]));
        Assert.Equal(10, values.ToArray().Sum());

        room.Dispose();
        Assert.Throws<ObjectDisposedException>(() => values.Part(0, 1).Length);
    }

    [Fact]
    public void Part_of_two_samples_in_another_order_is_refused()
    {
        using var room = SampleRoom.In(_folder["room"], mostHeld: 3);
        var picked = room.Take(40).Pick([3, 1], 4);
        Assert.Equal(8, picked.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => picked.Part(2, 4).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => picked.Part(8, 1).Length);
    }

    [Fact]
    public void Disk_without_room_is_told_before_anything_is_written()
    {
        using var room = SampleRoom.In(_folder["room"], mostHeld: 10);
        var most = new DriveInfo(_folder.Path).TotalSize / sizeof(float) + 1;
        var message = Assert.Throws<BuildException>(() => room.Take(most)).Message;
        Assert.StartsWith("The samples need ", message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder["room"]));
        Assert.Contains("Make room there", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Array_file_that_ends_early_or_goes_on_is_refused()
    {
        var spec = Array("f4");
        var whole = File.ReadAllBytes(_folder["x.npy"]);
        foreach (var (bytes, said) in ((byte[], string)[])[(whole[..^4], "needs 19200"), ([.. whole, 0], "needs 19200")])
        {
            File.WriteAllBytes(_folder["x.npy"], bytes);
            Assert.Contains(said, Assert.Throws<BuildException>(() => DataSets.Load(spec, 2, 1)).Message, StringComparison.Ordinal);
        }
    }
}
