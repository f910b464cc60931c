using System.Text.Json;
using Fleet.Cli.Client;
using Fleet.Cli.Specs;
using Fleet.Contracts;
using Fleet.Contracts.Devices;

namespace Fleet.Cli.Commands;

/// <summary>Profiles of a command line as <c>fleet-modeling</c> takes them: names as they are, YAML files turned into JSON ones for as long as it runs.</summary>
internal sealed class ProfileArguments : IDisposable
{
    private readonly string? _folder;

    private ProfileArguments(string value, string? folder) => (Value, _folder) = (value, folder);

    /// <summary>The list to hand over.</summary>
    public string Value { get; }

    /// <summary>Reads a list separated by commas.</summary>
    /// <exception cref="FleetException">A name is not known, or a file breaks rules.</exception>
    public static ProfileArguments Of(string list)
    {
        string? folder = null;
        try
        {
            var values = new List<string>();
            foreach (var name in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (!ProfileFile.IsPath(name))
                {
                    values.Add(BuiltInProfiles.Find(name) is not null ? name
                        : throw new FleetException($"Profile '{name}' is not known; it is one of {BuiltInProfiles.Names}, or a file of your own.") { Usage = true });
                    continue;
                }
                var profile = ProfileFile.Read(name);
                folder ??= Directory.CreateTempSubdirectory("fleet-profiles-").FullName;
                values.Add(Path.Combine(folder, $"{values.Count}.json"));
                File.WriteAllText(values[^1], JsonSerializer.Serialize(profile, FleetJson.Default.HardwareProfile));
            }
            return values.Count > 0 ? new ProfileArguments(string.Join(',', values), folder) : throw new FleetException("--profile must name at least one profile.") { Usage = true };
        }
        catch
        {
            if (folder is not null) Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_folder is not null) Directory.Delete(_folder, recursive: true);
    }
}
