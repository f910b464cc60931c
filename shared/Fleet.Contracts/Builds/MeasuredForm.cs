using System.Text.Json.Serialization;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Builds;

/// <summary>
/// What a device measured of one form of a network, beside what had been estimated of that form. Several forms of one network on one
/// device tell how far estimates are off on such devices. A device said it: whoever uses it looks whether it can be, and at many of them.
/// </summary>
public sealed record MeasuredForm
{
    /// <summary>The scheme of the float model itself.</summary>
    public const string FloatScheme = "fp32";

    /// <summary>Estimates further from the float model than this factor are of no network that anybody runs.</summary>
    private const double LargestEstimate = 64;

    private static readonly TimeSpan Shortest = TimeSpan.FromMicroseconds(1), Longest = TimeSpan.FromMinutes(10);

    /// <summary>The profile that the form was made for.</summary>
    public required string Profile { get; init; }

    /// <summary>The device, by a number that means something within one list only.</summary>
    public required int Device { get; init; }

    /// <summary>
    /// Its cohort, devices that are alike in what matters for speed, by a number that means something within one list only.
    /// </summary>
    public required int Cohort { get; init; }

    /// <summary>The network, by its release.</summary>
    public required string Network { get; init; }

    /// <summary>The scheme that made the form; <see cref="FloatScheme"/> for the float model itself.</summary>
    public required string Scheme { get; init; }

    /// <summary>Median time of one inference on the device.</summary>
    [JsonPropertyName("milliseconds"), JsonConverter(typeof(MillisecondsConverter))] public required TimeSpan Time { get; init; }

    /// <summary>How many times as fast as the float model it was estimated to be by its operators alone.</summary>
    public required double EstimatedSpeedUp { get; init; }

    /// <summary>The cost model that estimated it (<see cref="VariantReport.EstimatedBy"/>); null for the float model.</summary>
    public string? EstimatedBy { get; init; }

    /// <summary>False for what cannot be: a time beyond a microsecond to ten minutes, or an estimate beyond any network's.</summary>
    [JsonIgnore]
    public bool IsPlausible => Time >= Shortest && Time <= Longest
        && EstimatedSpeedUp is >= 1 / LargestEstimate and <= LargestEstimate;
}

/// <summary>How an estimate of speed was corrected by what devices measured of other variants of its kind.</summary>
/// <param name="ByOperators">What it was before: how many times as fast as the float model, by counting operators alone.</param>
/// <param name="Factor">By how much devices found such variants to be faster than estimated, the median; below 1, slower.</param>
/// <param name="Devices">Devices behind it.</param>
/// <param name="Cohorts">Kinds of devices among them.</param>
public sealed record EstimateRefinement(double ByOperators, double Factor, int Devices, int Cohorts);
