using System.Net.Sockets;
using System.Text;

namespace Fleet.TestKit;

/// <summary>
/// Starts a program with the variables that systemd gives the process of a unit of <c>Type=notify</c>, and hears what it says. As under
/// <c>ProtectProc=invisible</c>, the program cannot find out by its parent who started it.
/// </summary>
public sealed class SystemdStart : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    private SystemdStart(string program, IEnumerable<string> arguments)
    {
        var path = _folder["notify"];
        _socket.Bind(new UnixDomainSocketEndPoint(path));
        // exec keeps the process: the program becomes the one that the variable names.
        Process = ChildProcess.Start("/bin/sh", ["-c", "SYSTEMD_EXEC_PID=$$ exec \"$@\"", "sh", program, .. arguments],
            new Dictionary<string, string?> { ["NOTIFY_SOCKET"] = path });
    }

    /// <summary>The program.</summary>
    public ChildProcess Process { get; }

    /// <summary>Starts one.</summary>
    public static SystemdStart Of(string program, params IEnumerable<string> arguments) => new(program, arguments);

    /// <summary>What it says next, such as READY=1.</summary>
    public async Task<string> SaidAsync(TimeSpan deadline)
    {
        using var limit = new CancellationTokenSource(deadline);
        var bytes = new byte[4096];
        try
        {
            return Encoding.UTF8.GetString(bytes, 0, await _socket.ReceiveAsync(bytes, limit.Token));
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The program told systemd nothing. It printed:\n{Process.Output}");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _socket.Dispose();
        _folder.Dispose();
    }
}
