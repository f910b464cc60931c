using Fleet.Platform;

namespace Fleet.Server.Settings;

/// <summary>Reads the settings and refuses wrong ones before anything is opened.</summary>
internal static class ServerSettings
{
    /// <summary>What the web host itself understands on the command line.</summary>
    private static readonly string[] HostKeys = ["environment", "contentRoot", "applicationName", "urls"];

    /// <summary>Makes the checked settings available to every room, each record as itself.</summary>
    /// <param name="builder">The server.</param>
    /// <param name="rooms">The settings of every room, with their defaults.</param>
    /// <exception cref="SettingsException">Some are wrong or unknown; all of them are named.</exception>
    public static void AddSettings(this WebApplicationBuilder builder, IReadOnlyList<IRoomSettings> rooms)
    {
        var problems = UnknownIn(builder.Configuration, rooms);
        foreach (var defaults in rooms)
        {
            try
            {
                var settings = (IRoomSettings)(builder.Configuration.GetSection(defaults.Section).Get(defaults.GetType()) ?? defaults);
                problems.AddRange(settings.Problems());
                builder.Services.AddSingleton(defaults.GetType(), settings.WithWholePaths());
            }
            // The binder's way to say that a value does not read; it names the key.
            catch (InvalidOperationException e)
            {
                problems.Add(e.Message);
            }
        }
        if (problems.Count > 0) throw new SettingsException(problems);
        builder.Services.AddSingleton(TimeProvider.System);
    }

    /// <summary>
    /// Makes the data folder, for the server's own user alone: certificates, telemetry and models are nobody else's business.
    /// </summary>
    public static void CreateDataFolder(this WebApplication app)
        => OwnerOnly.CreateFolder(app.Services.GetRequiredService<FleetOptions>().DataFolder);

    /// <summary>What on a command line is not a setting: a misspelled word must not start a server with the defaults.</summary>
    /// <exception cref="SettingsException">There is something; all of it is named.</exception>
    public static void Check(IReadOnlyList<string> arguments)
    {
        var problems = new List<string>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var key = arguments[i].Split('=')[0].TrimStart('-', '/');
            if (!key.Contains(':', StringComparison.Ordinal) && !HostKeys.Contains(key, StringComparer.OrdinalIgnoreCase))
                problems.Add($"'{arguments[i]}' is not understood; --help lists the settings.");
            // A value may stand behind its key: --Fleet:ApiPort 9000.
            else if (!arguments[i].Contains('=', StringComparison.Ordinal))
                i++;
        }
        if (problems.Count > 0) throw new SettingsException(problems);
    }

    private static List<string> UnknownIn(ConfigurationManager configuration, IReadOnlyList<IRoomSettings> rooms)
    {
        var known = rooms.SelectMany(Setting.Of).Select(setting => setting.Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return
        [
            .. configuration.GetSection("Fleet").AsEnumerable().Where(entry => entry.Value is not null && !known.Contains(entry.Key))
                .Select(entry => entry.Key).Order(StringComparer.Ordinal).Select(key => $"{key} is not a setting; --help lists them."),
        ];
    }
}
