using System.Globalization;

namespace Fleet.Server.Settings;

/// <summary>Collects the rules that settings break, so that a server with wrong settings says everything that is wrong at once.</summary>
/// <param name="section">The section of the settings.</param>
internal sealed class SettingsRules(string section)
{
    private readonly List<string> _problems = [];

    /// <summary>What is wrong so far, a sentence for each.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>A rule of any kind.</summary>
    /// <param name="holds">False when it is broken.</param>
    /// <param name="key">Name of the setting.</param>
    /// <param name="rule">The rest of the sentence, such as <c>must name a folder</c>.</param>
    public void Require(bool holds, string key, string rule)
    {
        if (!holds) _problems.Add($"{section}:{key} {rule}.");
    }

    /// <summary>A value within limits, both allowed.</summary>
    public void Within<T>(string key, T value, T least, T most) where T : IComparable<T>, IFormattable
        => Require(
            value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0, key,
            string.Create(CultureInfo.InvariantCulture, $"{value} must be within {least} and {most}"));
}
