using System.Text.Json.Serialization;

namespace Fleet.Contracts.Builds;

/// <summary>What a network hears of sound.</summary>
[JsonConverter(typeof(CamelCaseEnumConverter<FeatureKind>))]
public enum FeatureKind
{
    /// <summary>The samples themselves.</summary>
    Raw,
    /// <summary>The logarithm of the power in bands of the mel scale, window by window.</summary>
    LogMel,
    /// <summary>Mel-frequency cepstral coefficients: a cosine transform of those logarithms.</summary>
    Mfcc,
}

/// <summary>
/// What is computed of sound before a network hears it. The exported model computes it itself, in its first operators: an application gives
/// it samples.
/// </summary>
public sealed record FeatureSpec
{
    /// <summary>What is computed.</summary>
    public FeatureKind Kind { get; set; } = FeatureKind.LogMel;

    /// <summary>
    /// Samples a second, for signals that are not in sound files: these say it themselves, or <see cref="Preprocessing.SampleRate"/> does.
    /// </summary>
    public int? SampleRate { get; init; }

    /// <summary>Bands; absent: 40.</summary>
    public int? Mels { get; init; }

    /// <summary>With <see cref="FeatureKind.Mfcc"/>: how many coefficients are kept; absent: 13.</summary>
    public int? Coefficients { get; init; }

    /// <summary>Length of a window; absent: 25 ms.</summary>
    public double? WindowMilliseconds { get; init; }

    /// <summary>From the beginning of one window to the next; absent: 10 ms.</summary>
    public double? HopMilliseconds { get; init; }

    /// <summary>Where the lowest band begins; absent: 20 Hz.</summary>
    public double? LowestHertz { get; init; }

    /// <summary>Where the highest band ends; absent: half of the rate, and 8,000 Hz at most.</summary>
    public double? HighestHertz { get; init; }
}
