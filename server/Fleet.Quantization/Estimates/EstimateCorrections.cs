using System.Globalization;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Quantization.Estimates;

/// <summary>By how much devices of a profile found variants of a kind to be faster than estimated.</summary>
/// <param name="Factor">The median over devices; below 1, slower.</param>
/// <param name="Devices">Devices that measured such variants.</param>
/// <param name="Cohorts">Cohorts that they are of.</param>
internal sealed record EstimateCorrection(double Factor, int Devices, int Cohorts);

/// <summary>
/// Corrects estimates for a profile by what its devices measured of other networks. Pure.
/// </summary>
/// <remarks>
/// Of a network that a device ran in several forms, the time of a form that computes in floats over that of another is how much faster the
/// other is there; over the same ratio of their estimates it is what the estimate was off by. A device has one voice for each kind of
/// arithmetic, the median over its networks, and the kind is corrected by the median over devices: both stand still while fewer than half
/// of the voices are wrong, whatever these say (Hampel, The influence curve and its role in robust estimation, Journal of the American
/// Statistical Association 69, 1974). Where the devices do not agree, the profile has no one factor and nothing is corrected.
/// </remarks>
internal sealed class EstimateCorrections
{
    /// <summary>Devices without which nothing is corrected: of two that contradict each other nobody knows which is wrong.</summary>
    public const int FewestDevices = 3;

    /// <summary>A device that finds an estimate off by more than this factor was disturbed, or says what is not so.</summary>
    public const double LargestFactor = 8;

    /// <summary>The median absolute deviation of normal values is so much of their standard deviation.</summary>
    private const double NormalDeviation = 1.4826;

    private readonly string _profile;
    private readonly Dictionary<Arithmetic, Voice[]> _voices;

    /// <summary>What devices say.</summary>
    /// <param name="profile">Name of the profile.</param>
    /// <param name="estimatedBy">The cost model whose estimates are to be corrected.</param>
    /// <param name="measured">What was measured, of whatever profile and cost model.</param>
    public EstimateCorrections(string profile, string estimatedBy, IReadOnlyList<MeasuredForm> measured)
    {
        _profile = profile;
        _voices = measured.Take(Limits.MeasuredForms)
            .Where(form => form.Profile == profile && form.IsPlausible
                && (form.EstimatedBy == estimatedBy || form.Scheme == MeasuredForm.FloatScheme))
            .GroupBy(form => (form.Device, form.Network)).SelectMany(FoundOn)
            .GroupBy(found => found.Arithmetic)
            .ToDictionary(kind => kind.Key, kind => kind.GroupBy(found => found.Device)
                .Select(device => new Voice(Median(device.Select(found => found.Logarithm)), device.First().Cohort)).ToArray());
    }

    /// <summary>
    /// How estimates of a scheme are corrected; null where nothing was measured, by too few, or by devices that do not agree.
    /// </summary>
    public EstimateCorrection? Of(string scheme)
        => VoicesOf(scheme) is { Length: >= FewestDevices } voices && ScatterOf(voices) <= RelativeSpeed.EstimateError
            ? new EstimateCorrection(Math.Exp(Median(voices.Select(voice => voice.Logarithm))), voices.Length, CohortsOf(voices))
            : null;

    /// <summary>Why something was measured of a kind and corrects nothing, in a sentence; null where it does, or nothing was.</summary>
    public string? WhyNot(string scheme)
    {
        if (VoicesOf(scheme) is not { Length: > 0 } voices || Of(scheme) is not null) return null;
        var kind = $"variants that compute {Arithmetics.Of(scheme)!.Value.InWords()}";
        return voices.Length < FewestDevices
            ? $"What {Devices(voices.Length)} of {_profile} measured of {kind} does not correct its estimate: {FewestDevices} are needed."
            : $"What {Devices(voices.Length)} of {_profile} measured of {kind} does not correct its estimate: "
                + string.Create(CultureInfo.InvariantCulture, $"they lie a factor of {ScatterOf(voices):0.0} apart.");
    }

    /// <summary>A number of devices in words.</summary>
    public static string Devices(int count) => count == 1 ? "1 device" : string.Create(CultureInfo.InvariantCulture, $"{count:N0} devices");

    /// <summary>What one device found of one network: by how much its forms are faster than estimated, in logarithms.</summary>
    private static IEnumerable<(Arithmetic Arithmetic, int Device, int Cohort, double Logarithm)> FoundOn(IEnumerable<MeasuredForm> forms)
    {
        var known = forms.Where(form => Arithmetics.Of(form.Scheme) is not null)
            .ToLookup(form => Arithmetics.Of(form.Scheme)!.Value);
        // What a form would take as floats, if its estimate held.
        static double AsFloats(MeasuredForm form) => Math.Log(form.Time.TotalMilliseconds * form.EstimatedSpeedUp);
        if (!known.Contains(Arithmetic.Floats)) return [];
        var floats = Median(known[Arithmetic.Floats].Select(AsFloats));
        return known.Where(kind => kind.Key != Arithmetic.Floats).SelectMany(kind => kind)
            .Select(form => (Arithmetics.Of(form.Scheme)!.Value, form.Device, form.Cohort, floats - AsFloats(form)))
            .Where(found => Math.Abs(found.Item4) <= Math.Log(LargestFactor));
    }

    private Voice[]? VoicesOf(string scheme)
        => Arithmetics.Of(scheme) is { } arithmetic ? _voices.GetValueOrDefault(arithmetic) : null;

    /// <summary>The factor by which two thirds of the devices lie around the median, were they spread as chance spreads them.</summary>
    private static double ScatterOf(Voice[] voices)
    {
        var middle = Median(voices.Select(voice => voice.Logarithm));
        return Math.Exp(NormalDeviation * Median(voices.Select(voice => Math.Abs(voice.Logarithm - middle))));
    }

    private static int CohortsOf(Voice[] voices) => voices.Select(voice => voice.Cohort).Distinct().Count();

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>What one device says of a kind.</summary>
    /// <param name="Logarithm">By how much it found such variants faster than estimated.</param>
    /// <param name="Cohort">The cohort it is of.</param>
    private sealed record Voice(double Logarithm, int Cohort);
}
