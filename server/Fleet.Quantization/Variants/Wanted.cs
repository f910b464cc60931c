using Fleet.Contracts.Devices;
using Fleet.Quantization.Schemes;

namespace Fleet.Quantization.Variants;

/// <summary>A variant to make.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Profile">The hardware it is for.</param>
/// <param name="Scheme">How it is made.</param>
internal sealed record Wanted(string Id, HardwareProfile Profile, IQuantizationScheme Scheme)
{
    /// <summary>Everything to try for the profiles of <paramref name="settings"/>. Schemes of one suffix go by their whole names.</summary>
    public static IEnumerable<Wanted> Of(VariantSettings settings) => settings.Profiles.SelectMany(profile => For(profile, settings));

    private static IEnumerable<Wanted> For(HardwareProfile profile, VariantSettings settings)
    {
        var trained = settings.Trained.Where(trained => trained.Profile == profile.Name).Select(trained => trained.Scheme);
        IQuantizationScheme[] schemes = [
            .. settings.Schemes.Count == 0 ? QuantizationSchemes.CandidatesFor(profile, settings.Mixed) : settings.Schemes, .. trained,
        ];
        var shared = schemes.GroupBy(scheme => scheme.Suffix).Where(group => group.Count() > 1).Select(group => group.Key).ToHashSet();
        return schemes.Select(scheme =>
            new Wanted($"{profile.Name}-{(shared.Contains(scheme.Suffix) ? scheme.Name : scheme.Suffix)}", profile, scheme));
    }
}
