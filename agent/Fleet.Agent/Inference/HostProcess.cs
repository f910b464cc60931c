using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Fleet.Agent.Children;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>
/// One life of the inference host's process, as the agent sees it: commands go in as JSON lines on its standard input, replies come
/// out on its standard output, its log is forwarded from its standard error.
/// </summary>
internal sealed partial class HostProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Action<HostReply> _received;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<HostReply>> _pending = new();
    private readonly TaskCompletionSource<HostReply> _listens = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _writing = new(1, 1);
    private long _lastId;

    /// <summary>Starts the process; it listens once <see cref="ListensAsync"/> returns.</summary>
    /// <param name="port">Port on loopback, 0 for a free one.</param>
    /// <param name="socket">Unix socket to listen on as well, or null.</param>
    /// <param name="received">Called for every reply before its command completes; statistics survive a caller that gave up.</param>
    /// <param name="logger">Takes the host's log.</param>
    public HostProcess(int port, string? socket, Action<HostReply> received, ILogger logger)
    {
        (_received, _logger) = (received, logger);
        string[] onSocket = socket is null ? [] : ["--socket", socket];
        _process = Process.Start(ChildProgram.StartInfo(["infer-host", "--port", $"{port}", .. onSocket]))
            ?? throw new InvalidOperationException($"{ChildProgram.Path} could not be started.");
        Id = _process.Id;
        Exited = LiveAsync();
    }

    /// <summary>Process id.</summary>
    public int Id { get; }

    /// <summary>True once it was told to end: it takes no more commands.</summary>
    public bool Stopping { get; private set; }

    /// <summary>Completes when the process has ended and everything it wrote was read.</summary>
    public Task<ChildExit> Exited { get; }

    /// <summary>Waits until the host listens and returns its address.</summary>
    /// <exception cref="ActivationException">It cannot listen.</exception>
    public async Task<string> ListensAsync(CancellationToken cancellationToken)
    {
        var listens = await _listens.Task.WaitAsync(cancellationToken);
        return listens.Address ?? throw new ActivationException(listens.Error ?? "The inference host did not name its address.")
        {
            HasNoHost = true,
        };
    }

    /// <summary>Sends one command and waits for its reply.</summary>
    /// <exception cref="HostDiedException">The process ended first.</exception>
    public async Task<HostReply> SendAsync(HostCommand command, CancellationToken cancellationToken)
    {
        command = command with { Id = Interlocked.Increment(ref _lastId) };
        var reply = new TaskCompletionSource<HostReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[command.Id] = reply;
        try
        {
            byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(command, HostJson.Default.HostCommand), (byte)'\n'];
            await _writing.WaitAsync(cancellationToken);
            try
            {
                // Not cancellable: half a line would spoil every command after it. A host that does not read is killed, which ends this.
                await _process.StandardInput.BaseStream.WriteAsync(line, CancellationToken.None);
                await _process.StandardInput.BaseStream.FlushAsync(CancellationToken.None);
            }
            finally
            {
                _writing.Release();
            }
            if (Exited.IsCompleted) throw new HostDiedException(await Exited);
            return await reply.Task.WaitAsync(cancellationToken);
        }
        // The pipe breaks a moment before the end is noticed, and is closed a moment before a process that was stopped has ended.
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new HostDiedException(await Exited.WaitAsync(cancellationToken));
        }
        finally
        {
            _pending.TryRemove(command.Id, out _);
        }
    }

    /// <summary>Kills the process; <see cref="Exited"/> follows.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Lets the process end: it finishes the requests it is answering.</summary>
    public void Stop()
    {
        Stopping = true;
        _process.StandardInput.Close();
    }

    /// <summary>Ends the process and frees what belongs to it.</summary>
    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await Exited;
        _process.Dispose();
        _writing.Dispose();
    }
}
