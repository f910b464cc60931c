using System.Diagnostics;
using Fleet.Platform;

namespace Fleet.Cli.Demo;

/// <summary>One process of the demo, started by <see cref="Children"/>.</summary>
internal sealed class ChildProcess(string name, string log, Process process)
{
    /// <summary>How long it may take to end in order before it is killed.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>What people call it.</summary>
    public string Name => name;

    /// <summary>File with everything it wrote.</summary>
    public string Log => log;

    /// <summary>Its exit code once it has ended.</summary>
    public int? ExitCode => process.HasExited ? process.ExitCode : null;

    /// <summary>Awaits its end.</summary>
    public async Task<int> WaitAsync(CancellationToken cancellationToken)
    {
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode;
    }

    /// <summary>The last lines it wrote.</summary>
    public IReadOnlyList<string> LastLines(int count)
    {
        try
        {
            return [.. File.ReadLines(log).Where(line => line.Trim().Length > 0).TakeLast(count)];
        }
        catch (IOException)
        {
            return [];
        }
    }

    /// <summary>Ends it, politely first, and then whatever it left behind in its session.</summary>
    public async Task StopAsync()
    {
        if (!process.HasExited)
        {
            _ = ProcessSignals.Send(process.Id, ProcessSignal.Terminate);
            using var patience = new CancellationTokenSource(Patience);
            try { await process.WaitForExitAsync(patience.Token); }
            catch (OperationCanceledException) { process.Kill(entireProcessTree: true); }
        }
        // It leads a process group of its own: what is still in there is an orphan.
        _ = ProcessSignals.SendToGroup(process.Id, ProcessSignal.Kill);
        process.Dispose();
    }
}
