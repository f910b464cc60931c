using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Settings;

/// <summary>The settings there are, by room: one that nobody reads is a mistake that somebody should hear of.</summary>
internal sealed class KnownSettings
{
    private readonly Dictionary<string, string[]> _rooms = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>With the settings of a room.</summary>
    public KnownSettings With<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>(string room)
        => With(room, [.. typeof(TOptions).GetProperties().Where(property => property.CanWrite).Select(property => property.Name)]);

    /// <summary>With the settings of a room, by name; none stands for any.</summary>
    public KnownSettings With(string room, params string[] names)
    {
        _rooms[room] = names;
        return this;
    }

    /// <summary>Refuses what is set and is no setting.</summary>
    /// <exception cref="OptionsValidationException">There is something; all of it is named.</exception>
    public void Check(IConfiguration configuration)
    {
        var unknown = configuration.GetChildren().SelectMany(UnknownIn)
            .Select(name => $"{name} is not a setting of this agent; 'fleet-agent run --help' names the rooms.").ToList();
        if (unknown.Count > 0) throw new OptionsValidationException("agent", typeof(KnownSettings), unknown);
    }

    private IEnumerable<string> UnknownIn(IConfigurationSection room)
    {
        if (!_rooms.TryGetValue(room.Key, out var names)) return [room.Key];
        return names is []
            ? []
            : room.GetChildren().Where(setting => !names.Contains(setting.Key, StringComparer.OrdinalIgnoreCase))
                .Select(setting => setting.Path);
    }
}
