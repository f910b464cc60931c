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

    /// <summary>
    /// The device's own word on whether it may switch to a release that is ready: <c>file:PATH</c> while the file exists,
    /// <c>value:PATH=TEXT</c> while it holds that text (a GPIO line: <c>value:/sys/class/gpio/gpio17/value=1</c>), or
    /// <c>command:PROGRAM ARGUMENT…</c> while that ends with 0. Empty: at once.
    /// </summary>
    [Sign] public string ActivationSign { get; set; } = "";

    /// <summary>How often a device that waits for its window or its sign looks again.</summary>
    [Duration("00:00:00.1", "1.00:00:00")] public TimeSpan SignInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often the progress of a download is reported.</summary>
    [Duration("00:00:00", "7.00:00:00")] public TimeSpan ProgressInterval { get; set; } = TimeSpan.FromSeconds(5);
}

/// <summary>Checks these settings at start; the body is generated so that it works ahead of time.</summary>
[OptionsValidator]
internal sealed partial class DeploymentOptionsValidator : IValidateOptions<DeploymentOptions>;

/// <summary>A setting that <see cref="ActivationSign"/> understands.</summary>
internal sealed class SignAttribute : ValidationAttribute
{
    /// <inheritdoc/>
    protected override ValidationResult? IsValid(object? value, ValidationContext validationContext)
        => ActivationSign.ProblemOf(value as string ?? "") is { } problem
            ? new ValidationResult($"{validationContext.DisplayName} {problem}")
            : ValidationResult.Success;
}
