using Fleet.Contracts.Builds;

namespace Fleet.Server.Builds;

/// <summary>
/// Where it is known what devices measured of earlier networks: the rooms above, which this one must not know. A build begins with it.
/// </summary>
internal interface IDeviceMeasurements
{
    /// <summary>Forms made for these profiles that devices ran, at most <see cref="Fleet.Contracts.Limits.MeasuredForms"/>.</summary>
    Task<IReadOnlyList<MeasuredForm>> OfAsync(IReadOnlyCollection<string> profiles, CancellationToken cancellationToken);
}
