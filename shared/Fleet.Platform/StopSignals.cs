using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Fleet.Platform;

/// <summary>
/// Ctrl+C, SIGTERM and a closed terminal as a token: the first of a kind asks for an orderly end, the second ends the process as if
/// nobody listened.
/// </summary>
/// <remarks>
/// The second <em>of a kind</em>: Ctrl+C reaches every process of a terminal, and whoever started this one may pass it on as SIGTERM.
/// </remarks>
public sealed class StopSignals : IDisposable
{
    /// <summary>What a program ends with when it was asked to stop before it was done: 128 + SIGINT, as shells have it.</summary>
    public const int ExitCode = 130;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<PosixSignal, bool> _asked = new();
    private readonly PosixSignalRegistration[] _registrations;

    private StopSignals() => _registrations =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask),
        PosixSignalRegistration.Create(PosixSignal.SIGHUP, Ask),
    ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>True once a signal came.</summary>
    public bool WereSent => _stop.IsCancellationRequested;

    /// <summary>Listens until disposed of.</summary>
    public static StopSignals Listen() => new();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _stop.Dispose();
    }

    private void Ask(PosixSignalContext signal)
    {
        signal.Cancel = _asked.TryAdd(signal.Signal, true);
        _stop.Cancel();
    }
}
