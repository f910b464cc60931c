using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.Modeling.Data;
using Fleet.Modeling.Search;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Search;

/// <summary>What a search makes of what a device says. The way to a device and back is walked in the end-to-end tests.</summary>
public sealed class DeviceTimesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DeviceTimesTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    /// <summary>Two networks that take a millisecond here.</summary>
    private static Candidate[] Two => [
        .. new[] { "mlp", "conv1d" }.Select(family => new Candidate(
            new StudentSpec { Family = family, Width = 4, Depth = family == "mlp" ? 1 : null }, new TrainingSpec(), "none",
            new CandidateCost(0, 0, 0, 0, TimeSpan.FromMilliseconds(1)))),
    ];

    private DeviceTimes Of(DeviceTimer? timer)
    {
        using (var file = File.Create(_folder["series.npz"]))
            NpzArchive.Write(file, [
                new("inputs", NpyArray.Of([.. Enumerable.Range(0, 40 * 16).Select(i => i % 7 / 7f)], 40, 1, 16)),
                new("labels", NpyArray.Of([.. Enumerable.Range(0, 40).Select(i => i % 2L)], 40)),
            ]);
        var spec = new BuildSpec { Model = "series", Data = new DataSpec { Kind = "npz", Train = _folder["series.npz"] } };
        var data = DataSets.Load(spec.Data!, null, spec.Seed);
        Directory.CreateDirectory(_folder["work"]);
        return new DeviceTimes("desk-1", timer, BuiltInProfiles.X64, new FamilyData(spec.Data!, data, spec.Seed), _folder["work"],
            BuildMemory.Open(_folder.Path, spec, data));
    }

    private static TimingView Answer(IReadOnlyList<LocalTimedFile> files, params double[] milliseconds) => new(true, [
        .. files.Zip(milliseconds).Select(one => new ReportedTiming("build", one.First.File.Model.Sha256,
            LatencySummary.OfMilliseconds(one.Second, one.Second, one.Second), TimeSpan.FromMilliseconds(1))),
    ]);

    [Fact]
    public void Factor_of_two_networks_is_between_theirs()
    {
        var times = Of((files, _) => Answer(files, 2, 6));
        times.Ask(Two, default);
        Assert.Equal((4.0, 2.0, 6.0, true), (times.Factor, times.FactorOf(Two[0]), times.FactorOf(Two[1]), times.CanAsk));
    }

    [Theory]
    [InlineData(65, "65.000")]
    [InlineData(0.01, "0.010")]
    public void Time_that_is_not_of_the_same_file_ends_the_use_of_the_device(double milliseconds, string told)
    {
        var times = Of((files, _) => Answer(files, 2, milliseconds));
        times.Ask(Two, default);
        Assert.Equal((false, false, 1.0), (times.HasAnswered, times.CanAsk, times.Factor));
        Assert.Contains($"desk-1 took {told} ms (p95) for conv1d 4, and the machine that built 1.000 ms", times.Note(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_left_of_files_that_could_not_all_be_made()
    {
        var beyond = Two[1] with { Student = Two[1].Student with { Family = "gone" } };
        var asked = false;
        var times = Of((files, _) =>
        {
            asked = true;
            return Answer(files, 1, 1);
        });
        Assert.ThrowsAny<Exception>(() => times.Ask([Two[0], beyond], default));
        Assert.False(asked);
        Assert.Empty(Directory.GetFiles(_folder["work"]));
    }

    [Fact]
    public void Without_a_server_nothing_is_asked_and_the_note_says_why()
    {
        var times = Of(null);
        Assert.False(times.CanAsk);
        times.Ask(Two, default);
        Assert.StartsWith("This build has no server through which desk-1 could be asked", times.Note(), StringComparison.Ordinal);
    }
}
