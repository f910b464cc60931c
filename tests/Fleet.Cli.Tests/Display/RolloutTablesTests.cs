using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Http;
using Fleet.Contracts.Rollouts;

namespace Fleet.Cli.Tests.Display;

public sealed class RolloutTablesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 27, 12, 0, 0, TimeSpan.Zero);

    private static RolloutView Rollout(RolloutStatus status, string reason, DateTimeOffset createdAt) => new()
    {
        Id = "20261123-214205-123-a1b2",
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
        Assert.Equal("20261123-214205-123-a1b2 vibration 12 rolled back 2/2 22 % 100 59m 59s", Squeezed(lines[1]));
        Assert.Equal("20261123-214205-123-a1b2 vibration 12 running 2/2 22 % 100 0 s", Squeezed(lines[2]));
        Assert.Equal("20261123-214205-123-a1b2: Rolled back by an operator.", lines[4].TrimEnd());
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 80));
    }

    private static string Plain(string line) => System.Text.RegularExpressions.Regex.Replace(line, @"\e\[[0-9;]*m", "");

    private static string Squeezed(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
}
