using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

public sealed class SampleLayoutTests : IDisposable
{
    private const int Count = 40;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSet Load(int[] shape, Func<int[], float> value, SampleLayout? layout = null)
    {
        var length = shape.Aggregate((product, extent) => product * extent);
        var inputs = Enumerable.Range(0, Count * length).Select(place =>
        {
            var at = new int[shape.Length];
            for (var axis = shape.Length - 1; axis >= 0; place /= shape[axis--]) at[axis] = place % shape[axis];
            return value(at);
        });
        using (var file = File.Create(_folder["x.npz"]))
        {
            NpzArchive.Write(file, [
                new("x", NpyArray.Of([.. inputs], [Count, .. shape])),
                new("labels", NpyArray.Of([.. Enumerable.Range(0, Count).Select(i => (long)(i % 2))], Count)),
            ]);
        }
        return DataSets.Load(new DataSpec { Train = _folder["x.npz"], Layout = layout }, shape.Length, 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Pictures_with_channels_last_are_turned_and_it_is_said(int channels)
    {
        var data = Load([5, 6, channels], at => 100 * at[0] + 10 * at[1] + at[2]);
        Assert.Equal([channels, 5, 6], data.Training.SampleShape);
        Assert.Equal(430 + channels - 1, data.Training.Sample(0)[(channels - 1) * 30 + 4 * 6 + 3]);
        Assert.Contains($"Samples of (5, 6, {channels}) have their channels last", Assert.Single(data.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Series_by_time_are_turned_and_a_layout_that_is_said_holds()
    {
        float Sensor(int[] at) => 100 * at[1] + at[0];
        var data = Load([24, 6], Sensor);
        Assert.Equal([6, 24], data.Training.SampleShape);
        Assert.Equal(223, data.Training.Sample(0)[2 * 24 + 23]);
        Assert.Equal([24, 6], Load([24, 6], Sensor, SampleLayout.ChannelsFirst).Training.SampleShape);
    }

    [Fact]
    public void Channels_in_front_stay_there()
    {
        Assert.Equal([3, 5, 6], Load([3, 5, 6], at => at[0]).Training.SampleShape);
        Assert.Equal([6, 24], Load([6, 24], at => at[1]).Training.SampleShape);
        // 24 sensors over 6 moments: each goes its own way.
        Assert.Equal([24, 6], Load([24, 6], at => 1000 * (at[0] % 2) + at[1]).Training.SampleShape);
    }
}
