using System.Diagnostics;
using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Tests.Storage;

public sealed class KillTests
{
    private const int Acknowledged = 300;
    private static readonly TimeSpan Deadline = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_the_process_is_killed()
    {
        var folder = Directory.CreateTempSubdirectory("fleet-kill-");
        try
        {
            var file = Path.Combine(folder.FullName, "fleet.db");
            var (commits, samples) = await WriteAndKillAsync(file);

            await using var store = new LiteFleetStore(file, [new DocumentType("counter", TestJson.Default.Counter)], TimeProvider.System);
            foreach (var (writer, acknowledged) in commits)
            {
                var left = await store.FindAsync<Counter>($"left-{writer}", default);
                var right = await store.FindAsync<Counter>($"right-{writer}", default);
                Assert.True(left!.Document.Value >= acknowledged, $"Writer {writer} was told {acknowledged}, the disk holds {left.Document.Value}.");
                Assert.Equal(left.Document, right!.Document);
                Assert.Equal(left.Document.Value, left.Version);
            }
            foreach (var (writer, acknowledged) in samples)
            {
                var read = await store.ReadSamplesAsync(DeviceId.Parse($"dev-{writer}"), DateTimeOffset.MinValue, int.MaxValue, default);
                Assert.Equal(Enumerable.Range(1, read.Count).Select(n => (long)n), read.Select(batch => batch.Sequence));
                Assert.True(read.Count >= acknowledged, $"Device {writer} was told {acknowledged}, the disk holds {read.Count}.");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Lets a process write until it has acknowledged enough, kills it in the middle, and returns the last it said for each writer.</summary>
    private static async Task<(Dictionary<string, long> Commits, Dictionary<string, long> Samples)> WriteAndKillAsync(string file)
    {
        var program = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Fleet.Server.CrashWriter", Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)), "crash-writer"));
        using var process = Process.Start(new ProcessStartInfo(program, [file]) { RedirectStandardOutput = true })!;
        using var deadline = new CancellationTokenSource(Deadline);
        Dictionary<string, long> commits = [], samples = [];
        var lines = 0;
        try
        {
            while (await process.StandardOutput.ReadLineAsync(deadline.Token) is { } line)
            {
                if (line.Split(' ') is [var kind, var writer, var number])
                    (kind == "commit" ? commits : samples)[writer] = long.Parse(number, CultureInfo.InvariantCulture);
                if (++lines == Acknowledged) process.Kill();
            }
        }
        finally
        {
            process.Kill();
        }
        await process.WaitForExitAsync(deadline.Token);
        Assert.True(lines >= Acknowledged, "The writer ended by itself.");
        Assert.Equal(128 + 9, process.ExitCode);
        return (commits, samples);
    }
}
