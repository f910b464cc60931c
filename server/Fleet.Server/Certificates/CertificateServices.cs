using Fleet.Server.Settings;

namespace Fleet.Server.Certificates;

/// <summary>
/// The room of certificates: the server's own authority and what it signs. Who gets one is decided by the room of enrollment.
/// </summary>
internal static class CertificateServices
{
    /// <summary>Registers the room. The authority is made at the first start.</summary>
    public static IServiceCollection AddCertificates(this IServiceCollection services) => services
        .AddSingleton(provider => CertificateAuthority.OpenOrCreate(
            provider.GetRequiredService<FleetOptions>().DataFolder, provider.GetRequiredService<TimeProvider>()))
        .AddSingleton<ServerCertificate>();
}
