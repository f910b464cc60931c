using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.Agent.Settings;

/// <summary>How a room's settings reach it: bound by name, checked before anything is started, handed over as they are.</summary>
internal static class RoomOptions
{
    /// <summary>Registers a room's settings. The caller binds them, because the code that binds is generated where it is called.</summary>
    public static IServiceCollection AddRoomOptions<
        [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] TOptions, TValidator>(
        this IServiceCollection services, Action<OptionsBuilder<TOptions>> bind)
        where TOptions : class
        where TValidator : class, IValidateOptions<TOptions>, new()
    {
        services.AddSingleton<IValidateOptions<TOptions>>(new TValidator());
        var options = services.AddOptions<TOptions>();
        bind(options);
        options.ValidateOnStart(); // Found by the validator that runs before the host is started.
        return services.AddSingleton(provider => provider.GetRequiredService<IOptions<TOptions>>().Value);
    }
}
