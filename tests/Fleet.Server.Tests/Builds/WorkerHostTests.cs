using Fleet.Server.Builds;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Server.Tests.Builds;

/// <summary>
/// Local workers as child processes. The program is a shell script: what is tried here is how it is started, watched and ended.
/// </summary>
public sealed class WorkerHostTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Worker_gets_server_key_data_and_native_environment()
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync("""echo "$@" > "$7/said"; echo "$ORT_DISABLE_TELEMETRY $OMP_WAIT_POLICY" >> "$7/said"; mv"""
            + """ "$7/said" "$7/done"; exec sleep 60""", 2, stop.Token);
        for (var worker = 1; worker <= 2; worker++)
        {
            var data = _folder["workers", $"{worker}"];
            await Eventually.TrueAsync($"worker {worker} starts", () => File.Exists(Path.Combine(data, "done")));
            Assert.Equal([$"worker --server http://127.0.0.1:1234/ --key-file {_folder["worker.key"]} --data {data}", "1 PASSIVE"],
                await File.ReadAllLinesAsync(Path.Combine(data, "done")));
        }
        await stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task Worker_that_dies_is_started_again()
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync("""echo x >> "$7/starts"; kill -9 $$""", 1, stop.Token);
        await Eventually.TrueAsync("it was started three times",
            () => File.Exists(_folder["workers", "1", "starts"]) && File.ReadAllLines(_folder["workers", "1", "starts"]).Length >= 3);
        await stop.CancelAsync();
        await running;
    }

    [Theory]
    [InlineData("""exec sleep 600""")] // ends when asked
    [InlineData("""trap '' TERM; while :; do sleep 1; done""")] // does not
    public async Task No_worker_is_left_when_the_server_stops(string script)
    {
        using var stop = new CancellationTokenSource();
        var running = RunAsync($"""echo $$ > "$7/new"; mv "$7/new" "$7/id"; {script}""", 1, stop.Token);
        await Eventually.TrueAsync("it starts", () => File.Exists(_folder["workers", "1", "id"]));
        var id = int.Parse(await File.ReadAllTextAsync(_folder["workers", "1", "id"]), System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(Directory.Exists($"/proc/{id}"));
        await stop.CancelAsync();
        await running;
        Assert.False(Directory.Exists($"/proc/{id}"));
    }

    [Fact]
    public async Task Program_that_cannot_be_started_is_tried_again_and_stops_nothing()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await HostOf(_folder["absent"]).RunAsync(1, Surroundings, stop.Token);
        Assert.True(stop.IsCancellationRequested);
    }

    private WorkerSurroundings Surroundings => new(new Uri("http://127.0.0.1:1234"), _folder["worker.key"], _folder["workers"]);

    private Task RunAsync(string script, int count, CancellationToken cancellationToken)
    {
        var program = _folder["worker"];
        File.WriteAllText(program, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return HostOf(program).RunAsync(count, Surroundings, cancellationToken);
    }

    private static WorkerHost HostOf(string program) => new(
        new BuildsOptions
        {
            WorkerProgram = program,
            WorkerRestartDelay = TimeSpan.FromMilliseconds(10),
            WorkerStopTime = TimeSpan.FromSeconds(1),
        },
        TimeProvider.System, NullLogger<WorkerHost>.Instance);
}
