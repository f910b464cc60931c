using System.Runtime;

namespace Fleet.Modeling.Torch;

/// <summary>
/// Keeps the garbage collector out of training steps. TorchSharp turns each number that is handed to a tensor operation into an
/// object whose native memory its finalizer frees, and the operation does not keep that object alive: a collection that falls
/// into the operation can free what it reads, and the process aborts. Between steps nothing is read, so there is the place to
/// collect.
/// </summary>
/// <remarks>
/// One at a time holds the process (a second one, in tests, goes without). A region that another thread's garbage uses up
/// ends by itself, within a step as well, and is begun again at the next one: the danger is made small, not taken away.
/// </remarks>
internal sealed class UncollectedSteps : IDisposable
{
    /// <summary>Garbage that may gather before it is collected; small and large objects have as much each.</summary>
    private const long Bytes = 96L << 20;

    /// <summary>Share of it after which a new region begins, so that it does not end within a step.</summary>
    private const double Used = 0.75;

    private static int _held;

    private readonly bool _holds = Interlocked.CompareExchange(ref _held, 1, 0) == 0;
    private long _began;

    /// <summary>To be called before each step.</summary>
    public void Next()
    {
        if (!_holds) return;
        var allocated = GC.GetTotalAllocatedBytes();
        if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion && allocated - _began < Bytes * Used) return;
        End();
        // Refused where the memory is not to be had: the steps then run as they would without.
        if (!GC.TryStartNoGCRegion(Bytes)) return;
        _began = GC.GetTotalAllocatedBytes();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_holds) return;
        End();
        _held = 0;
    }

    private static void End()
    {
        if (GCSettings.LatencyMode == GCLatencyMode.NoGCRegion) GC.EndNoGCRegion();
    }
}
