using System.Reflection;

namespace Fleet.Server.Settings;

/// <summary>The version of this program.</summary>
internal static class ServerVersion
{
    /// <summary>Without the commit that a build adds behind a plus sign.</summary>
    public static string Current { get; } =
        typeof(ServerVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
            ?? "";
}
