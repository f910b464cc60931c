using Fleet.Agent.Settings;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Telemetry;

/// <summary>What is measured, and how often.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>Time between batches. Shorter shows changes sooner and costs a message and a flush to disk each time.</summary>
    [Duration("00:00:00.100", "1.00:00:00")] public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(10);
}

/// <summary>Checks these settings at start; the body is generated so that it works ahead of time.</summary>
[OptionsValidator]
internal sealed partial class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>;
