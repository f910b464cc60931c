using Fleet.Contracts.Http;
using Fleet.Contracts.Trust;

namespace Fleet.Modeling.Search;

/// <summary>Has the device that the spec of a build names time files, and waits until it has, or will not. Bounded in time.</summary>
/// <param name="files">What is timed, and where it lies here.</param>
/// <param name="cancellationToken">Ends the wait.</param>
internal delegate TimingView DeviceTimer(IReadOnlyList<LocalTimedFile> files, CancellationToken cancellationToken);

/// <summary>A file to be timed on a device.</summary>
/// <param name="File">As the device is told of it.</param>
/// <param name="ModelPath">The model, here.</param>
/// <param name="SamplesPath">The samples, here.</param>
internal sealed record LocalTimedFile(TimedFile File, string ModelPath, string SamplesPath);
