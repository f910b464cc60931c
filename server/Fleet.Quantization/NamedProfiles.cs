using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Devices;

namespace Fleet.Quantization;

/// <summary>Hardware profiles as a command names them: built-in ones by name, people's own by the JSON file they are in (<c>fleet</c> takes YAML).</summary>
internal static class NamedProfiles
{
    /// <summary>Bytes of a profile's file.</summary>
    private const int MaximumBytes = 64 * 1024;

    /// <summary>The profiles of a list separated by commas.</summary>
    /// <exception cref="InvalidDataException">One is not known, or its file breaks rules: all of them are listed.</exception>
    public static IReadOnlyList<HardwareProfile> Of(string list)
    {
        HardwareProfile[] profiles = [.. list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(One)];
        return profiles.GroupBy(profile => profile.Name).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? throw new InvalidDataException($"Profile '{twice.Key}' is named twice.")
            : profiles.Length > 0 ? profiles : throw new InvalidDataException($"At least one profile must be named, of {BuiltInProfiles.Names} or a file of your own.");
    }

    /// <summary>Those that are not built in; null for none.</summary>
    public static IReadOnlyList<HardwareProfile>? CustomOf(IReadOnlyList<HardwareProfile> profiles)
    {
        HardwareProfile[] custom = [.. profiles.Where(profile => BuiltInProfiles.Find(profile.Name) is null)];
        return custom.Length > 0 ? custom : null;
    }

    private static HardwareProfile One(string name) => BuiltInProfiles.Find(name) ?? (File.Exists(name)
        ? Read(name)
        : throw new InvalidDataException($"Profile '{name}' is not known; it is one of {BuiltInProfiles.Names}, or a file that exists."));

    private static HardwareProfile Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaximumBytes) throw new InvalidDataException($"{path} has more than {MaximumBytes} bytes; it is no profile.");
            var profile = JsonSerializer.Deserialize(File.ReadAllBytes(path), FleetJson.Strict.HardwareProfile) ?? throw new InvalidDataException($"{path} holds no profile.");
            return ProfileRules.ProblemsOf(profile) is { Count: > 0 } problems ? throw new InvalidDataException($"{path} is no valid profile: {string.Join(" ", problems)}") : profile;
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is no profile: {e.Message}", e);
        }
    }
}
