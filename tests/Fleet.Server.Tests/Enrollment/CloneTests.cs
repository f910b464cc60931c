using System.Text;
using Fleet.Contracts.Protocol;
using Fleet.Server.Enrollment;
using Fleet.TestKit;
using MQTTnet;

namespace Fleet.Server.Tests.Enrollment;

/// <summary>R16: two agents with one identity reconnected 53 times a minute, and nobody was told.</summary>
public sealed class CloneTests(RunningServer server) : IClassFixture<RunningServer>
{
    [Theory]
    [InlineData("a", false)]
    [InlineData("a b c d e f", false)]
    [InlineData("a a a a", false)]
    [InlineData("a b a", true)]
    [InlineData("a b c a", true)]
    [InlineData("a b b b a", true)]
    [InlineData("a - a", true)]
    [InlineData("- a -", false)]
    [InlineData("- - - -", false)]
    public void Run_that_comes_back_after_another_means_two_programs(string runs, bool cloned)
    {
        var history = runs.Split(' ').Aggregate(SessionHistory.Empty, (known, run) => known.Connected(run == "-" ? null : run));
        Assert.Equal(cloned, history.IsCloned);
    }

    [Theory]
    [InlineData("none", 9, 1, false)]
    [InlineData("none", 10, 1, true)]
    [InlineData("none", 30, 70, false)]
    [InlineData("another", 9, 1, false)]
    [InlineData("another", 10, 1, true)]
    [InlineData("another", 30, 70, false)]
    [InlineData("the same", 30, 1, false)]
    public void Session_that_is_taken_over_often_by_no_run_of_its_own_is_suspected(string run, int takeovers, int secondsApart, bool cloned)
    {
        var start = DateTimeOffset.UnixEpoch;
        var history = Enumerable.Range(0, takeovers).Aggregate(SessionHistory.Empty.Connected(RunOf(-1)), (known, i)
            => known.TakenOver(start.AddSeconds((double)i * secondsApart)).Connected(RunOf(i)));
        Assert.Equal(cloned, history.IsCloned);

        string? RunOf(int n) => run == "none" ? null : run == "another" ? $"run-{n}" : run;
    }

    [Fact]
    public async Task Two_sessions_that_take_turns_are_shown_on_the_device()
    {
        var device = await server.EnrollAsync("cloned");
        var (sessions, looks) = (new List<IMqttClient>(), 0);
        // On a busy machine it may be told of one session after the next: what takes turns takes turns again.
        await Eventually.TrueAsync("the device is a suspected clone", async () =>
        {
            if ((await server.ViewAsync("cloned")).Alarms.Any(alarm => alarm.Kind == "clone")) return true;
            if (looks++ % LooksBetweenTurns < 3) sessions.Add(await device.ConnectAsync(As($"run-{sessions.Count % 2}")));
            return false;
        });
        sessions.ForEach(session => session.Dispose());
        await server.DoAsync("cloned", "acknowledge");
        Assert.Empty((await server.ViewAsync("cloned")).Alarms);
    }

    [Fact]
    public async Task Device_on_a_bad_link_that_takes_over_its_own_session_is_no_clone()
    {
        var device = await server.EnrollAsync("flapping");
        for (var n = 0; n < SessionHistory.ManyTakeovers + 2; n++) await device.ConnectAsync(As("the-same"));
        Assert.True((await server.ViewAsync("flapping")).Online);
        Assert.Empty((await server.ViewAsync("flapping")).Alarms);
    }

    /// <summary>Some seconds, until three more sessions take turns.</summary>
    private const int LooksBetweenTurns = 100;

    private static Action<MqttClientOptionsBuilder> As(string run)
        => options => options.WithUserProperty(ConnectProperties.Run, Encoding.ASCII.GetBytes(run));
}
