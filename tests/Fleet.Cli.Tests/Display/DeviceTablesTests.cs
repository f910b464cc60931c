using Fleet.Cli.Display;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Validation;

namespace Fleet.Cli.Tests.Display;

/// <summary>The tables of <c>fleet devices</c>.</summary>
public sealed class DeviceTablesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static readonly ReportedModel Serving = new()
    {
        Model = "vibration",
        Version = 3,
        Variant = "x64-int8",
        Phase = DeploymentPhase.Active,
        Since = Now.AddHours(-1),
        ActiveVersion = 3,
        ActiveVariant = "x64-int8",
        Measured = new Scores
        {
            Accuracy = 0.975,
            Latency = new LatencySummary(TimeSpan.FromMilliseconds(0.41), TimeSpan.FromMilliseconds(0.52), TimeSpan.FromMilliseconds(1)),
        },
    };

    private static readonly DeviceView Device = new()
    {
        Id = DeviceId.Parse("press-7"),
        Profile = "x64",
        Facts = new DeviceFacts { Architecture = "x64", Processor = "EPYC", LogicalCpus = 4, MemoryBytes = 8L << 30 },
        Labels = new Dictionary<string, string> { ["site"] = "berlin" },
        Online = true,
        EnrolledAt = Now.AddDays(-1),
        LastSeenAt = Now.AddMinutes(-2),
        DesiredRevision = 4,
        ReportedRevision = 4,
        Models = [Serving],
    };

    [Fact]
    public void List_has_a_line_a_device_with_what_it_serves_and_how_well()
    {
        var (table, _) = Screen.Of(screen => DeviceTables.WriteList(screen, [Device], Now));
        Assert.Matches(@"(?m)^ID +PROFILE +STATE +SERVES +PHASE +ACCURACY +SEEN +LABELS$", table);
        Assert.Matches(@"(?m)^press-7 +x64 +online +vibration 3 x64-int8 +active +97\.5 % +2m 00s ago +site=berlin$", table);
    }

    [Theory]
    [InlineData("\u001b]0;owned\u0007\u001b[2J")]
    [InlineData("a\nforged  x64  online")]
    [InlineData("\u009b2J\u202e")]
    public void Text_of_a_device_steers_no_terminal_and_makes_no_line_of_its_own(string text)
    {
        var said = Device with
        {
            Facts = Device.Facts with { Processor = text, OperatingSystem = text, AgentVersion = text },
            Labels = new Dictionary<string, string> { ["site"] = text },
            Models = [Serving with { Phase = DeploymentPhase.RolledBack, Failure = DeploymentFailure.Unexpected, Detail = text }],
        };
        foreach (var (output, error) in (ReadOnlySpan<(string, string)>)
            [Screen.Of(screen => DeviceTables.WriteList(screen, [said], Now)), Screen.Of(screen => DeviceTables.Write(screen, said, Now))])
        {
            Assert.DoesNotContain(output + error, c => (char.IsControl(c) && c is not ('\n' or '\r')) || c == '\u202e');
            Assert.DoesNotContain("\nforged", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Device_that_sends_too_much_or_what_is_refused_is_shown_with_both()
    {
        var flooding = Device with
        {
            Traffic = new TrafficView
            {
                SlowedSince = Now.AddMinutes(-1),
                Refused = 1200,
                LastRefusal = "telemetry: sequence -1 is beyond 0",
                LastRefusalAt = Now,
            },
        };
        var (text, _) = Screen.Of(screen => DeviceTables.Write(screen, flooding, Now));
        Assert.Matches(@"(?m)^Traffic +too much: slowed since 2026-11-27 11:59:00Z$", text);
        Assert.Matches(@"(?m)^Refused +1,200 messages, the last now: telemetry: sequence -1 is beyond 0$", text);
        var cut = Device with { Traffic = new TrafficView { CutUntil = Now.AddMinutes(5) } };
        Assert.Matches(@"(?m)^Traffic +too much: kept out until 2026-11-27 12:05:00Z$",
            Screen.Of(screen => DeviceTables.Write(screen, cut, Now)).Output);
    }

    [Fact]
    public void Device_that_never_connected_serves_nothing_and_was_never_seen()
    {
        var nothing = new Dictionary<string, string>();
        var fresh = Device with { Online = false, LastSeenAt = null, Models = [], Profile = null, Labels = nothing };
        var (table, _) = Screen.Of(screen => DeviceTables.WriteList(screen, [fresh], Now));
        Assert.Matches(@"(?m)^press-7 +none +offline +- +- +- +never$", table);
    }

    [Fact]
    public void Several_models_stand_beside_each_other_in_the_order_they_were_reported()
    {
        var other = Serving with { Model = "speech", ActiveVersion = null, ActiveVariant = null, Phase = DeploymentPhase.Downloading };
        var (table, _) = Screen.Of(screen => DeviceTables.WriteList(screen, [Device with { Models = [Serving, other] }], Now));
        Assert.Contains("vibration 3 x64-int8, -", table, StringComparison.Ordinal);
        Assert.Contains("active, downloading", table, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, false, "revoked")]
    [InlineData(false, true, "online")]
    [InlineData(false, false, "offline")]
    [InlineData(true, true, "revoked")]
    public void Revoked_stands_above_online_and_online_above_offline(bool revoked, bool online, string state)
    {
        var (text, _) = Screen.Of(screen => DeviceTables.Write(screen, Device with { Revoked = revoked, Online = online }, Now));
        Assert.Matches($@"(?m)^State +{state}$", text);
    }

    [Fact]
    public void Emulated_profile_says_that_its_latency_is_not_a_claim()
    {
        var (text, _) = Screen.Of(screen => DeviceTables.Write(screen, Device with { ProfileEmulated = true }, Now));
        Assert.Matches(@"(?m)^Profile +x64 \(emulated\): emulated, so its latency is not that of the real hardware$", text);
    }

    [Theory]
    [InlineData(4, 4, "4, reached")]
    [InlineData(5, 4, "desired 5, reported 4")]
    public void Revision_says_whether_the_device_has_got_there(long desired, long reported, string text)
    {
        var (shown, _) = Screen.Of(
            screen => DeviceTables.Write(screen, Device with { DesiredRevision = desired, ReportedRevision = reported }, Now));
        Assert.Matches($@"(?m)^Revision +{text}$", shown);
    }

    [Fact]
    public void Model_that_failed_is_shown_with_the_word_and_the_reason()
    {
        var failed = Serving with
        {
            Version = 4,
            Phase = DeploymentPhase.RolledBack,
            Failure = DeploymentFailure.GateMissed,
            Detail = "Accuracy 0.931 is below the required 0.959.",
        };
        var (text, _) = Screen.Of(screen => DeviceTables.Write(screen, Device with { Models = [failed] }, Now));
        Assert.Matches(@"(?m)^MODEL +SERVES +LAST DEPLOYMENT +PHASE +ACCURACY +P50 / P95 +RECEIPT +DETAIL$", text);
        Assert.Matches(@"(?m)^vibration +3 x64-int8 +4 x64-int8 +rolled back +97\.5 % +0\.410 ms / 0\.520 ms +unsigned +gate missed: Acc",
            text);
    }
}
