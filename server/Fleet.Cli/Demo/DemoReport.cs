using System.Text.Json.Serialization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Http;
using Fleet.Contracts.State;

namespace Fleet.Cli.Demo;

/// <summary>What a demo showed, for scripts: <c>--report FILE</c>.</summary>
/// <param name="Teacher">The teacher.</param>
/// <param name="Student">The fp32 student.</param>
/// <param name="Variants">Every variant tried.</param>
/// <param name="Devices">The devices at the end.</param>
/// <param name="Seconds">From start to here.</param>
internal sealed record DemoReport(
    NetworkFigures Teacher, NetworkFigures Student, IReadOnlyList<VariantFigures> Variants, IReadOnlyList<DeviceFigures> Devices,
    double Seconds)
{
    /// <summary>Gathers the figures from what the server answered.</summary>
    public static DemoReport Of(
        BuildReport build, IReadOnlyList<DeviceView> devices, IReadOnlyList<TelemetryView> telemetry, TimeSpan took) => new(
        Of(build.Teacher!),
        Of(build.Student),
        [.. build.Variants.Select(variant => new VariantFigures(
            variant.Id, variant.Profile, variant.Scheme, variant.Artifact?.Bytes, variant.Scores?.Accuracy, variant.Accepted
                ? "accepted"
                : "rejected"))],
        [.. devices.Select(device => Of(device, build.Spec.Model, telemetry))],
        Math.Round(took.TotalSeconds, 1));

    private static NetworkFigures Of(NetworkReport network) => new(network.Parameters, network.Scores.Accuracy);

    private static DeviceFigures Of(DeviceView device, string name, IReadOnlyList<TelemetryView> telemetry)
    {
        var model = device.Models.FirstOrDefault(model => model.Model == name);
        var series = telemetry.FirstOrDefault(view => view.Device == device.Id);
        return new DeviceFigures(
            device.Id.Value, device.Profile, model?.ActiveVariant, model?.Phase ?? DeploymentPhase.Idle, model?.Measured?.Accuracy,
            model?.Measured?.Latency?.P50.TotalMilliseconds, model?.Measured?.Latency?.P95.TotalMilliseconds, series?.Count
                ?? 0, series?.Batches ?? 0);
    }
}

/// <summary>A float network.</summary>
internal sealed record NetworkFigures(long Parameters, double? Accuracy);

/// <summary>A variant and the verdict on it, <c>accepted</c> or <c>rejected</c>.</summary>
internal sealed record VariantFigures(string Id, string Profile, string Scheme, long? Bytes, double? Accuracy, string Verdict);

/// <summary>A device: what it measured before it served, and what it has served since.</summary>
internal sealed record DeviceFigures(
    string Id, string? Profile, string? Variant, DeploymentPhase Phase, double? Accuracy, double? LatencyP50Ms, double? LatencyP95Ms,
    long Inferences, int TelemetryBatches);

/// <summary>Generated serialization of the demo's report; absent figures are written as null, so that every key is always there.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(DemoReport))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class DemoJson : JsonSerializerContext;
