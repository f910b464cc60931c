using System.Text.Json;
using System.Text.Json.Serialization;

namespace Fleet.Server.Tests.Generated;

/// <summary>The one setting that a generated client needs: what is left out is left to the server.</summary>
public partial class FleetApi
{
    static partial void UpdateJsonSerializerSettings(JsonSerializerOptions settings)
        => settings.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
}
