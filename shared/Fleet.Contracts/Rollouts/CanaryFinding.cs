using System.Globalization;
using System.Text.Json.Serialization;

namespace Fleet.Contracts.Rollouts;

/// <summary>What a canary says of a metric.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<CanaryVerdict>))]
public enum CanaryVerdict
{
    /// <summary>No device could be compared: none was read yet, or no other serves what was there before.</summary>
    CannotJudge,
    /// <summary>What was seen tells neither.</summary>
    Undecided,
    /// <summary>Not worse by more than is let pass.</summary>
    NotWorse,
    /// <summary>Worse by more than is let pass.</summary>
    Worse,
}

/// <summary>A canary's judgement of one metric, with what it rests on. Changes are in the metric's unit; above zero is worse.</summary>
/// <param name="Metric">One of <see cref="CanaryMetrics.All"/>.</param>
/// <param name="Verdict">What it says.</param>
public sealed record CanaryFinding(string Metric, CanaryVerdict Verdict)
{
    /// <summary>The model it is of, where the plan moves several.</summary>
    public string? Model { get; init; }

    /// <summary>What it is of: the metric, after the model where the plan moves several.</summary>
    public string Subject() => Model is null ? Metric : $"{Model} {Metric}";

    /// <summary>How much worse is let pass.</summary>
    public double Tolerance { get; init; }

    /// <summary>
    /// The largest evidence (e-value) there was that devices do worse by more than that. While they do not, it exceeds any x with a chance
    /// of at most 1/x.
    /// </summary>
    public double Evidence { get; init; }

    /// <summary>The evidence that stops a rollout.</summary>
    public double Needed { get; init; }

    /// <summary>Median over the devices of the change, beyond that of devices without the release.</summary>
    public double Change { get; init; }

    /// <summary>Lower end of the interval for the change that holds at every look; null when there is none yet.</summary>
    public double? AtLeast { get; init; }

    /// <summary>Upper end; null when there is none yet.</summary>
    public double? AtMost { get; init; }

    /// <summary>Devices with the release that were compared.</summary>
    public int Devices { get; init; }

    /// <summary>Their requests in that time.</summary>
    public double Requests { get; init; }

    /// <summary>Devices that the last of them was compared with.</summary>
    public int Incumbents { get; init; }

    /// <summary>The interval in words; what has no end yet is open there.</summary>
    public string IntervalInWords() => (AtLeast, AtMost) switch
    {
        (null, null) => "not known yet",
        ({ } least, null) => $"at least {InWords(least)}",
        (null, { } most) => $"at most {InWords(most)}",
        ({ } least, { } most) => $"{InWords(least)} to {InWords(most)}",
    };

    /// <summary>A change of this metric as people read it.</summary>
    public string InWords(double change) => Metric switch
    {
        CanaryMetrics.Errors => string.Create(CultureInfo.InvariantCulture, $"{change * 100:0.##} points"),
        CanaryMetrics.Latency => string.Create(CultureInfo.InvariantCulture, $"{change * 100:0.#} %"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{change:0.###}"),
    };
}
