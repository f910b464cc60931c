using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Tests;

/// <summary>Told how far work is, and tells nobody.</summary>
internal sealed class IgnoredProgress : IProgress<BuildProgress>
{
    public void Report(BuildProgress value) { }
}
