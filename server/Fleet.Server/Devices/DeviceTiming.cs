using Fleet.Contracts.State;
using Fleet.Contracts.Trust;

namespace Fleet.Server.Devices;

/// <summary>Files that a device times for a build, as they are stored, under the device's id: for one build at a time.</summary>
/// <param name="Build">The build.</param>
/// <param name="ExpiresAt">When the build waits no longer, by the time that orders are signed with.</param>
/// <param name="Files">What is timed.</param>
/// <param name="Answers">What the device has said of some of them, once of each.</param>
internal sealed record DeviceTiming(
    string Build, DateTimeOffset ExpiresAt, IReadOnlyList<TimedFile> Files, IReadOnlyList<ReportedTiming> Answers)
{
    /// <summary>What the device is still ordered to time.</summary>
    public IEnumerable<OrderedTiming> Open(DateTimeOffset now) => now >= ExpiresAt ? [] : Files
        .Where(file => Answers.All(answer => answer.Sha256 != file.Model.Sha256)).Select(file => new OrderedTiming(Build, file, ExpiresAt));

    /// <summary>True when the files are these, in whatever order.</summary>
    public bool IsOf(IReadOnlyList<TimedFile> files)
        => files.Select(file => file.Model.Sha256).ToHashSet(StringComparer.Ordinal).SetEquals(Files.Select(file => file.Model.Sha256));
}
