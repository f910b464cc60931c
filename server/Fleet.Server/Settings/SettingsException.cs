namespace Fleet.Server.Settings;

/// <summary>The server cannot start as it is set up; every reason is named.</summary>
internal sealed class SettingsException(IReadOnlyList<string> problems) : Exception(string.Join(Environment.NewLine, problems))
{
    /// <summary>A sentence for each.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}
