using Fleet.Contracts.Devices;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;
using Fleet.Contracts.Trust;
using Fleet.Server.Keys;
using Fleet.Server.Storage;

namespace Fleet.Server.Devices;

/// <summary>
/// Has a device time files for a build. What is asked is a document that the device's next orders carry, and what it answers goes into the
/// same document with its report: whoever is killed on the way, what was timed is not timed again.
/// </summary>
internal sealed partial class DeviceTimings(
    IFleetStore store, DeviceBoard board, DesiredNotices notices, SigningClock clock, ILogger<DeviceTimings> logger)
    : IReportedStateObserver, IDeviceEnd
{
    /// <summary>How long a device has for all files of a build: it fetches them and may time each for half a minute.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Shortest = TimeSpan.FromTicks(1), Longest = TimeSpan.FromMinutes(10);

    /// <summary>Has a device time files, or says how far it is with them.</summary>
    /// <param name="build">The build that asks.</param>
    /// <param name="device">The device.</param>
    /// <param name="files">What is timed; the same again changes nothing.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<TimingView> AskAsync(
        string build, DeviceId device, IReadOnlyList<TimedFile> files, CancellationToken cancellationToken)
        => store.RetryAsync(_ => TryAskAsync(build, device, files, cancellationToken), cancellationToken);

    /// <summary>True when a device is to time a file, and so may fetch it.</summary>
    public static async Task<bool> NeedsAsync(
        IFleetStore store, DeviceId device, string sha256, DateTimeOffset now, CancellationToken cancellationToken)
        => await store.FindAsync<DeviceTiming>(device.Value, cancellationToken) is { Document: var asked }
            && asked.Open(now).Any(timing => timing.Timed.Model.Sha256 == sha256 || timing.Timed.Samples.Sha256 == sha256);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> ObserveAsync(
        DeviceId device, ReportedState reported, CancellationToken cancellationToken)
    {
        if (reported.Timings is not { Count: > 0 } said) return [];
        if (await store.FindAsync<DeviceTiming>(device.Value, cancellationToken) is not { Document: var asked } stored) return [];
        ReportedTiming[] heard = [
            .. said.Where(timing => timing.Build == asked.Build)
                .Where(timing => asked.Files.Any(file => file.Model.Sha256 == timing.Sha256)
                    && asked.Answers.All(answer => answer.Sha256 != timing.Sha256))
                .DistinctBy(timing => timing.Sha256).Select(Judged),
        ];
        return heard.Length == 0 ? [] : [stored.Change(asked with { Answers = [.. asked.Answers, .. heard] })];
    }

    /// <inheritdoc/>
    public void Committed(DeviceId device)
    {
        // Whoever asked looks again by itself.
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<StoreChange>> EndAsync(DeviceId device, CancellationToken cancellationToken)
        => await store.FindAsync<DeviceTiming>(device.Value, cancellationToken) is { } asked ? [asked.Removal()] : [];

    private async Task<TimingView> TryAskAsync(
        string build, DeviceId device, IReadOnlyList<TimedFile> files, CancellationToken cancellationToken)
    {
        // The orders that carry it are signed with this time, and devices wait as long as it lies ahead of that.
        var now = clock.Now();
        var stored = await store.FindAsync<DeviceTiming>(device.Value, cancellationToken);
        if (stored?.Document is { } known)
        {
            if (known.Build == build && known.IsOf(files)) return ViewOf(known, device, now);
            if (known.Build != build && known.Open(now).Any())
                return Refused($"Device {device} times files for build {known.Build} at this moment.");
        }
        if (await WhyNotAsync(device, cancellationToken) is { } reason) return Refused(reason);
        var asked = new DeviceTiming(build, now + Patience, files, []);
        await store.CommitAsync([stored?.Change(asked) ?? StoreChange.Create(device.Value, asked)], cancellationToken);
        notices.Notify(device);
        LogAsked(device, files.Count, build);
        return ViewOf(asked, device, now);
    }

    private async Task<string?> WhyNotAsync(DeviceId device, CancellationToken cancellationToken)
    {
        if (await store.DeviceAsync(device, cancellationToken) is not { Document.IsRevoked: false })
            return $"There is no device '{device}'.";
        if (!board.IsOnline(device)) return $"Device {device} is not connected.";
        var reported = await store.FindAsync<DeviceReported>(device.Value, cancellationToken);
        // An agent that knows of timings says so even where it has none.
        return reported?.Document.State.Timings is null ? $"The agent of device {device} is too old to time files for a build." : null;
    }

    private static TimingView ViewOf(DeviceTiming asked, DeviceId device, DateTimeOffset now)
    {
        var isOver = !asked.Open(now).Any();
        return new TimingView(isOver, asked.Answers, isOver && asked.Answers.Count < asked.Files.Count
            ? $"Device {device} did not time everything within {Patience.TotalMinutes:0} minutes." : null);
    }

    private static TimingView Refused(string reason) => new(true, [], reason);

    /// <summary>What a device says as it counts: a time that cannot be is none.</summary>
    private static ReportedTiming Judged(ReportedTiming said)
        => said is { Latency: null, Problem: not null } || (said.Latency is { } latency && latency.P50 >= Shortest
            && latency.P50 <= latency.P95 && latency.P95 <= latency.P99 && latency.P99 <= Longest
            && said.ProcessorTime >= TimeSpan.Zero && said.ProcessorTime <= 64 * Longest)
            ? said
            : said with { Latency = null, ProcessorTime = null, Problem = "What it reported cannot be the time of an inference." };

    [LoggerMessage(LogLevel.Information, "Device {Device} is asked to time {Files} files for build {Build}")]
    private partial void LogAsked(DeviceId device, int files, string build);
}
