using Fleet.Cli.Client;
using Fleet.Cli.Specs;
using Fleet.Cli.Terminal;
using Fleet.Contracts.Devices;

namespace Fleet.Cli.Commands;

/// <summary>Hardware profiles as a command line names them: built-in ones by name, people's own by their file.</summary>
internal static class ProfileArguments
{
    /// <summary>Reads a list separated by commas.</summary>
    /// <exception cref="FleetException">A name is not known or stands twice, or a file breaks rules.</exception>
    public static IReadOnlyList<HardwareProfile> Of(string list)
    {
        HardwareProfile[] profiles = [
            .. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(One),
        ];
        if (profiles.Length == 0) throw new FleetException("--profile must name at least one profile.") { Code = ExitCode.Usage };
        return profiles.GroupBy(profile => profile.Name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new FleetException($"Profile '{twice.Key}' is named twice.") { Code = ExitCode.Usage }
            : profiles;
    }

    private static HardwareProfile One(string name) => ProfileFile.IsPath(name) ? ProfileFile.Read(name)
        : BuiltInProfiles.Find(name)
            ?? throw new FleetException(
                $"Profile '{name}' is not known; it is one of {BuiltInProfiles.Names}, or a file of your own.")
            { Code = ExitCode.Usage };
}
