using System.ComponentModel.DataAnnotations;
using Fleet.Agent.Settings;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Deployment;

/// <summary>How careful a deployment is, and how often it reports.</summary>
internal sealed class DeploymentOptions
{
    /// <summary>
    /// How long a new release is watched while it serves, before it counts as active. Longer finds more faults and holds the wave.
    /// </summary>
    [Duration("00:00:00", "7.00:00:00")] public TimeSpan WatchPeriod { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>How often the agent may die while a release's own bytes run before that release counts as the cause.</summary>
    [Range(1, 100)] public int MaximumInterruptions { get; set; } = 3;

    /// <summary>How often the progress of a download is reported.</summary>
    [Duration("00:00:00", "7.00:00:00")] public TimeSpan ProgressInterval { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>Checks these settings at start; the body is generated so that it works ahead of time.</summary>
[OptionsValidator]
internal sealed partial class DeploymentOptionsValidator : IValidateOptions<DeploymentOptions>;
