using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;
using Fleet.Contracts.State;

namespace Fleet.Cli.Tests.Display;

public sealed class RolloutTablesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static RolloutView Rollout(RolloutStatus status, string reason, DateTimeOffset createdAt) => new()
    {
        Id = "20261123-214205-123-a1b2c3",
        Plan = new RolloutPlan
        {
            Model = "vibration",
            Version = 12,
            Waves = [new WavePlan { Percent = 10 }, new WavePlan { Percent = 100 }],
        },
        Status = status,
        Reason = reason,
        CreatedAt = createdAt,
        OpenWave = 2,
        Waves = [new WaveView(1, 1000, 0, 0, 1000, 0), new WaveView(2, 9000, 0, 7800, 1100, 100)],
    };

    [Fact]
    public void List_is_whole_on_a_terminal_of_80_columns()
    {
        using var output = new StringWriter();
        var screen = new Shell(output, TextWriter.Null, outputIsTerminal: true, errorIsTerminal: false, width: 80,
            _ => null, TimeProvider.System);
        RolloutTables.WriteList(
            screen, [
                Rollout(RolloutStatus.RolledBack, "Rolled back by an operator.", Now.AddMinutes(-59).AddSeconds(-59)),
                Rollout(RolloutStatus.Running, "", Now),
            ], Now);
        var lines = output.ToString().Split('\n').Select(Plain).ToList();
        Assert.Equal("20261123-214205-123-a1b2c3 vibration 12 rolled back 2/2 22 % 100 59m 59s", Squeezed(lines[1]));
        Assert.Equal("20261123-214205-123-a1b2c3 vibration 12 running 2/2 22 % 100 0 s", Squeezed(lines[2]));
        Assert.Equal("20261123-214205-123-a1b2c3: Rolled back by an operator.", lines[4].TrimEnd());
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
    }

    [Fact]
    public void Rollout_of_several_models_names_them_and_says_of_a_device_what_each_does_and_where_it_returns()
    {
        using var output = new StringWriter();
        var screen = new Shell(output, TextWriter.Null, outputIsTerminal: false, errorIsTerminal: false, width: 200,
            _ => null, TimeProvider.System);
        var rollout = Rollout(RolloutStatus.RolledBack, "", Now);
        rollout = rollout with
        {
            Plan = rollout.Plan with { Model = null, Version = null, Releases = [new("eye", 2), new("ear", 3)] },
            Devices =
            [
                new DeviceRolloutView(
                    DeviceId.Parse("press-1"), 1, DeviceRolloutStatus.Failed, DeploymentPhase.RolledBack, DeploymentFailure.GateMissed,
                    "ear 3: Accuracy 0.5 is too low.", Return: new DeviceReturnView(DeviceReturnStatus.Returned, default, ""))
                {
                    Models =
                    [
                        new DeviceModelView(
                            "eye", 2, DeploymentPhase.RolledBack, DeploymentFailure.GroupFailed, "", "x64-int8", null, 1),
                        new DeviceModelView("ear", 3, DeploymentPhase.RolledBack, DeploymentFailure.GateMissed, "", null, null, 2),
                    ],
                },
            ],
        };
        RolloutTables.Write(screen, rollout);
        RolloutTables.WriteList(screen, [rollout], Now);
        var text = Squeezed(output.ToString().ReplaceLineEndings(" "));
        Assert.Contains("of eye 2 and ear 3: rolled back", text, StringComparison.Ordinal);
        Assert.Contains("eye x64-int8", text, StringComparison.Ordinal);
        Assert.Contains("to eye 1 and ear 2; gate missed: ear 3: Accuracy 0.5 is too low.", text, StringComparison.Ordinal);
        Assert.Contains("eye 2 +1", text, StringComparison.Ordinal);
    }

    private static string Plain(string line) => System.Text.RegularExpressions.Regex.Replace(line, @"\e\[[0-9;]*m", "");

    private static string Squeezed(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
