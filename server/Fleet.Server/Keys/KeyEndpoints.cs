using Fleet.Server.Settings;

namespace Fleet.Server.Keys;

/// <summary>The room of keys: what it registers, and what operators may call.</summary>
internal static class KeyEndpoints
{
    /// <summary>Registers the room. Its keys are made at the first start.</summary>
    public static IServiceCollection AddKeys(this IServiceCollection services) => services.AddSingleton(
        provider => FleetKeys.OpenOrCreate(
            Path.Combine(provider.GetRequiredService<FleetOptions>().DataFolder, "keys"), provider.GetRequiredService<TimeProvider>()));
}
