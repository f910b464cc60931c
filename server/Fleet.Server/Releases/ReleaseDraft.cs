using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;
using Fleet.Server.Builds;

namespace Fleet.Server.Releases;

/// <summary>The manifest a build's report leads to. Pure.</summary>
internal static class ReleaseDraft
{
    private const int LongestMachine = 200;

    /// <summary>The manifest of the accepted variants that are worth a download, with the gates the spec asks for.</summary>
    /// <param name="build">The build. Its spec is what the operator asked: gates are theirs to set, not the worker's.</param>
    /// <param name="report">What came out.</param>
    /// <param name="version">Number of the release.</param>
    /// <param name="now">When it is signed.</param>
    /// <param name="validFor">How long devices newly trust it.</param>
    public static ReleaseManifest Of(
        Build build, BuildReport report, int version, DateTimeOffset now, TimeSpan validFor) => new()
        {
            Model = build.Spec.Model,
            Version = version,
            CreatedAt = now,
            ExpiresAt = now + validFor,
            Build = build.Id,
            Measured = MeasuredBy(build, report),
            Inputs = report.Inputs,
            Outputs = report.Outputs,
            Task = report.TaskOf(),
            Detection = report.Detection,
            Classes = report.Classes,
            ValidationSet = report.ValidationSet,
            Profiles = CustomProfilesOf(build.Spec.Quantization, report),
            Variants =
        [
            .. report.Variants.Where(IsReleasable).Select(variant => new Variant
            {
                Id = variant.Id,
                Profile = variant.Profile,
                Scheme = variant.Scheme,
                Artifact = variant.Artifact!,
                Runtime = variant.Runtime,
                Expected = variant.Promised()!,
                Gate = build.Spec.Gate.For(
                    report.TaskOf(), variant.Promised()!, build.Spec.Quantization.Find(variant.Profile)?.Budget),
            }),
        ],
        };

    /// <summary>Why nothing of a report can be released, a sentence for each variant.</summary>
    public static IReadOnlyList<string> ReasonsAgainst(BuildReport report)
        => [.. report.Variants.Where(variant => !IsReleasable(variant))
            .Select(variant => $"{variant.Id}: {(variant.Reasons.Count > 0 ? string.Join(" ", variant.Reasons) : "not accepted.")}")];

    /// <summary>Whose word the figures are: the server takes them as a worker says them, and measures nothing again.</summary>
    private static MeasuredBy? MeasuredBy(Build build, BuildReport report) => build is { Lease: { } lease, ReportSha256: { } sha256 }
        ? new MeasuredBy(lease.Worker, Shortened(report.MeasuredOn), sha256, lease.Key)
        : null;

    private static string Shortened(string machine) => machine.Length > LongestMachine ? machine[..LongestMachine] : machine;

    // Built-in profiles are known to every device; people's own travel with what was made for them.
    private static HardwareProfile[]? CustomProfilesOf(QuantizationSpec spec, BuildReport report)
    {
        var released = report.Variants.Where(IsReleasable).Select(variant => variant.Profile).ToHashSet();
        HardwareProfile[] custom = [.. (spec.CustomProfiles ?? []).Where(profile => released.Contains(profile.Name))];
        return custom.Length > 0 ? custom : null;
    }

    /// <summary>
    /// A variant that is beaten in everything by another of its profile would be downloaded for nothing; one in two files would arrive
    /// without its weights.
    /// </summary>
    private static bool IsReleasable(VariantReport variant)
        => variant is { Accepted: true, Dominated: false, Artifact: not null, Data: null, Scores: not null };
}
