using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Server.Artifacts;
using Fleet.Server.Builds;
using Fleet.Server.Devices;
using Fleet.Server.Storage;

namespace Fleet.Server.Releases;

/// <summary>
/// What devices measured of the variants of releases, beside what the builds of these had estimated. A device is asked for what it said
/// last; what it says is counted only in bounds, and only of variants that were signed here.
/// </summary>
internal sealed partial class MeasuredVariants(IFleetStore store, ArtifactStore artifacts, ILogger<MeasuredVariants> logger)
    : IDeviceMeasurements
{
    /// <summary>Reports that are looked through when a build begins: more devices would not tell more, and a worker waits.</summary>
    private const int MaximumReports = 10_000;

    /// <summary>Releases whose build reports tell something, some megabytes each.</summary>
    private const int MaximumReleases = 64;

    /// <summary>Releases that are looked for and tell nothing, such as those that a device made up.</summary>
    private const int MaximumUntold = 4_096;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<MeasuredForm>> OfAsync(IReadOnlyCollection<string> profiles, CancellationToken cancellationToken)
    {
        var forms = new List<MeasuredForm>();
        var releases = new Releases();
        var (devices, cohorts) = (0, new Dictionary<string, int>(StringComparer.Ordinal));
        await foreach (var reported in store.AllAsync<DeviceReported>("", cancellationToken).Take(MaximumReports))
        {
            if (forms.Count >= Limits.MeasuredForms) break;
            var state = reported.Document.State;
            // One form alone has nothing that it could be compared with.
            ReportedModel[] measured = [.. state.Models.Where(model => model.Times is { Count: > 1 and <= Limits.VariantTimes })];
            if (measured.Length == 0) continue;
            // A device whose key is no longer trusted tells nothing more.
            if (await store.FindAsync<Device>(reported.Id, cancellationToken) is not { Document.IsRevoked: false }) continue;
            var (before, cohort) = (forms.Count, CohortOf(state.Facts));
            var number = cohorts.TryGetValue(cohort, out var known) ? known : cohorts.Count;
            foreach (var model in measured)
            {
                if (await EstimatesAsync(model, releases, cancellationToken) is not { } estimates) continue;
                MeasuredForm[] found = [
                    .. model.Times!.DistinctBy(time => time.Variant).Where(time => estimates.ContainsKey(time.Variant))
                        .Select(time => (Time: time.Median, Variant: estimates[time.Variant]))
                        .Where(one => profiles.Contains(one.Variant.Profile))
                        .Select(one => FormOf(one.Variant, one.Time, $"{model.Model} {model.Version}", devices, number))
                        .Where(form => form.IsPlausible),
                ];
                if (found.Length > 1) forms.AddRange(found);
            }
            if (forms.Count == before) continue;
            devices++;
            cohorts[cohort] = number;
        }
        return forms.Count <= Limits.MeasuredForms ? forms : forms[..Limits.MeasuredForms];
    }

    private static MeasuredForm FormOf(VariantReport variant, TimeSpan time, string network, int device, int cohort) => new()
    {
        Profile = variant.Profile,
        Device = device,
        Cohort = cohort,
        Network = network,
        Scheme = variant.Scheme,
        Time = time,
        EstimatedSpeedUp = variant.Scheme == MeasuredForm.FloatScheme ? 1 : ByOperators(variant) ?? 0,
        EstimatedBy = variant.EstimatedBy,
    };

    /// <summary>What a device is in what matters for speed; devices of which it is equal are a cohort.</summary>
    private static string CohortOf(DeviceFacts facts) => string.Join(
        '|', [facts.Architecture, facts.Processor, $"{facts.LogicalCpus}", .. facts.IsaFlags, .. facts.Accelerators]);

    /// <summary>The estimate before devices corrected it: a correction that counted as an estimate would correct itself.</summary>
    private static double? ByOperators(VariantReport variant) => variant.Refinement?.ByOperators ?? variant.EstimatedSpeedUp;

    /// <summary>The variants of a release that have an estimate, by id; null where that is not known, or enough was read.</summary>
    private async Task<IReadOnlyDictionary<string, VariantReport>?> EstimatesAsync(
        ReportedModel model, Releases releases, CancellationToken cancellationToken)
    {
        var release = (model.Model, model.Version);
        if (releases.Told.TryGetValue(release, out var known)) return known;
        if (releases.Untold.Contains(release) || releases.AreMany) return null;
        var estimates = (await ReadAsync(model, cancellationToken))?.Variants
            .Where(variant => variant.Scheme == MeasuredForm.FloatScheme || ByOperators(variant) is not null)
            .DistinctBy(variant => variant.Id).ToDictionary(variant => variant.Id, StringComparer.Ordinal);
        if (estimates is { Count: > 0 }) return releases.Told[release] = estimates;
        releases.Untold.Add(release);
        return null;
    }

    /// <summary>The report of the build that a release was made of; null where it is not here, or is not read as one.</summary>
    private async Task<BuildReport?> ReadAsync(ReportedModel model, CancellationToken cancellationToken)
    {
        var id = Release.IdOf(model.Model, model.Version);
        if (await store.FindAsync<Release>(id, cancellationToken) is not { } release
            || release.Document.ReadManifest().Measured?.Report is not { } digest || artifacts.LengthOf(digest) is null) return null;
        try
        {
            return JsonSerializer.Deserialize(
                await File.ReadAllBytesAsync(artifacts.PathOf(digest), cancellationToken), FleetJson.Default.BuildReport);
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            // What is missing for an estimate ends no build.
            LogUnread(model.Model, model.Version, e.Message);
            return null;
        }
    }

    /// <summary>The releases that were looked for. What tells nothing takes no place of what does.</summary>
    private sealed class Releases
    {
        /// <summary>Estimates of their variants, by id.</summary>
        public Dictionary<(string Model, int Version), IReadOnlyDictionary<string, VariantReport>> Told { get; } = [];

        /// <summary>Those that have none, or are not here.</summary>
        public HashSet<(string Model, int Version)> Untold { get; } = [];

        /// <summary>True when no other is looked for.</summary>
        public bool AreMany => Told.Count >= MaximumReleases || Untold.Count >= MaximumUntold;
    }

    [LoggerMessage(LogLevel.Warning,
        "The build report of {Model} {Version} cannot be read, so that what devices measured of it corrects nothing: {Reason}")]
    private partial void LogUnread(string model, int version, string reason);
}
