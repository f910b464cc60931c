using System.ComponentModel;
using System.Globalization;
using System.Reflection;
using System.Text;

namespace Fleet.Server.Settings;

/// <summary>One setting for people.</summary>
/// <param name="Key">As it is written, such as <c>Fleet:ApiPort</c>.</param>
/// <param name="Default">Its value when it is not given, as it would be written.</param>
/// <param name="Meaning">What changes with it.</param>
internal sealed record Setting(string Key, string Default, string Meaning)
{
    /// <summary>Shown where nothing is set by default.</summary>
    private const string Unset = "unset";

    /// <summary>The settings of a room, in the order of its record.</summary>
    public static IEnumerable<Setting> Of(IRoomSettings defaults)
        => from property in defaults.GetType().GetProperties()
           let meaning = property.GetCustomAttribute<DescriptionAttribute>()
           where meaning is not null
           select new Setting(
               $"{defaults.Section}:{property.Name}",
               property.GetValue(defaults) is { } value ? Convert.ToString(value, CultureInfo.InvariantCulture)! : Unset,
               meaning.Description);
}

/// <summary>What <c>fleet-server --help</c> prints.</summary>
internal static class SettingsHelp
{
    private const int Columns = 80;

    /// <summary>The help of a server with these rooms.</summary>
    public static string Of(IEnumerable<IRoomSettings> rooms)
    {
        var text = new StringBuilder("""
            fleet-server: the server of a fleet.

            Settings are read from appsettings.json, from environment variables
            (Fleet__ApiPort=8080) and from the command line (--Fleet:ApiPort=8080); of two
            the later in this list wins. Relative paths start at the folder the server is
            started in. Times are written as 00:30:00, or 14.00:00:00 for days.


            """);
        foreach (var setting in rooms.SelectMany(Setting.Of))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {setting.Key}  [{setting.Default}]");
            foreach (var line in Lines(setting.Meaning, Columns - 6)) text.AppendLine(CultureInfo.InvariantCulture, $"      {line}");
        }
        return text.Append("""

            --Logging:LogLevel:Default=Debug makes the log tell every step of a device.
            While the server listens, endpoints.json in the data folder names its ports.
            API keys are in the folder keys there. Ctrl+C stops the server; --version prints
            its version. A server that has lost its audit trail does not start until the
            trail is restored, or begun anew by: fleet-server begin-audit-trail [settings]
            Roots of keys that were lost are written again, as the database knows them, by:
            fleet-server restore-roots [settings]
            An authority of an earlier version that was made with a wrong clock gets a new
            certificate for the same key by: fleet-server begin-authority [settings]
            """).ToString();
    }

    private static List<string> Lines(string sentence, int width)
    {
        List<string> lines = [""];
        foreach (var word in sentence.Split(' '))
        {
            if (lines[^1].Length > 0 && lines[^1].Length + 1 + word.Length > width) lines.Add("");
            lines[^1] += lines[^1].Length > 0 ? $" {word}" : word;
        }
        return lines;
    }
}
