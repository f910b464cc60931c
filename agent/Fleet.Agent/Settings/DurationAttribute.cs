using System.ComponentModel.DataAnnotations;
using System.Globalization;

namespace Fleet.Agent.Settings;

/// <summary>
/// Bounds of a <see cref="TimeSpan"/> setting. The framework's range attribute converts by reflection, which does not survive
/// compilation ahead of time.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class DurationAttribute(string minimum, string maximum)
    : ValidationAttribute($"{{0}} must be within {minimum} and {maximum}.")
{
    /// <summary>The smallest allowed, as <c>d.hh:mm:ss</c>.</summary>
    public string Minimum { get; } = minimum;

    /// <summary>The largest allowed.</summary>
    public string Maximum { get; } = maximum;

    /// <inheritdoc/>
    public override bool IsValid(object? value)
        => value is TimeSpan length
            && length >= TimeSpan.Parse(Minimum, CultureInfo.InvariantCulture)
            && length <= TimeSpan.Parse(Maximum, CultureInfo.InvariantCulture);
}
