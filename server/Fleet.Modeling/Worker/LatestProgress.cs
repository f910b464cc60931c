using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Worker;

/// <summary>Keeps the newest progress only: the build writes it many times a second, the lease sends it now and then.</summary>
internal sealed class LatestProgress : IProgress<BuildProgress>
{
    private volatile BuildProgress _value = new("Starting", 0);

    /// <summary>The newest.</summary>
    public BuildProgress Value => _value;

    /// <inheritdoc/>
    public void Report(BuildProgress value) => _value = value;
}
