using System.Collections.Concurrent;
using System.Diagnostics;
using Fleet.Cli.Processes;

namespace Fleet.Cli.Demo;

/// <summary>The processes of the demo. None of them outlives it: see <see cref="ChildVerb"/> and <see cref="StopAsync"/>.</summary>
internal sealed class Children : IAsyncDisposable
{
    private readonly string _logFolder;
    private readonly List<ChildProcess> _running = [];
    private readonly CancellationTokenSource _died = new();
    private readonly BlockingCollection<Action> _starts = [];
    private readonly Thread _starter;
    private bool _stopping;

    public Children(string logFolder)
    {
        _logFolder = logFolder;
        // The kernel signals a child when the *thread* that started it ends. Threads of the pool come and go; this one stays.
        _starter = new Thread(() =>
        {
            foreach (var start in _starts.GetConsumingEnumerable()) start();
        })
        { IsBackground = true, Name = "starts the demo's processes" };
        _starter.Start();
    }

    /// <summary>Cancelled when a process ended that should be running.</summary>
    public CancellationToken Died => _died.Token;

    /// <summary>The process that ended first without being asked to.</summary>
    public ChildProcess? FirstDead { get; private set; }

    /// <summary>The first that was started: the server.</summary>
    public ChildProcess? Server
    {
        get { lock (_running) return _running.FirstOrDefault(); }
    }

    /// <summary>The process of that name.</summary>
    public ChildProcess? Find(string name)
    {
        lock (_running) return _running.Find(child => child.Name == name);
    }

    /// <summary>Starts a program that is to run until the demo ends.</summary>
    public async Task<ChildProcess> StartAsync(string name, string program, string workingFolder, params string[] arguments)
    {
        var child = await StartAsync(name, program, workingFolder, expectedToEnd: false, arguments);
        lock (_running) _running.Add(child);
        return child;
    }

    /// <summary>Starts a program that ends by itself.</summary>
    public Task<ChildProcess> StartBriefAsync(string name, string program, string workingFolder, params string[] arguments)
        => StartAsync(name, program, workingFolder, expectedToEnd: true, arguments);

    /// <summary>Ends every process, the last started first.</summary>
    public async Task StopAsync()
    {
        _stopping = true;
        List<ChildProcess> running;
        lock (_running)
        {
            running = [.. _running];
            _running.Clear();
        }
        // Agents side by side, then what they talk to.
        await Task.WhenAll(running.Skip(1).Select(child => child.StopAsync()));
        foreach (var first in running.Take(1)) await first.StopAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _starts.CompleteAdding();
        _starter.Join();
        _starts.Dispose();
        _died.Dispose();
    }

    private Task<ChildProcess> StartAsync(string name, string program, string workingFolder, bool expectedToEnd, string[] arguments)
    {
        var log = Path.Combine(_logFolder, $"{name}.log");
        var start = new ProcessStartInfo(Installation.Cli, ChildVerb.Arguments(Environment.ProcessId, log, program, arguments))
        {
            WorkingDirectory = workingFolder,
            RedirectStandardInput = true,
            // ONNX Runtime reads it from the native environment when its library loads; whoever loads it inherits it from here.
            Environment = { ["ORT_DISABLE_TELEMETRY"] = "1" },
        };
        var started = new TaskCompletionSource<ChildProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        _starts.Add(() =>
        {
            try
            {
                var process = new Process { StartInfo = start, EnableRaisingEvents = true };
                var child = new ChildProcess(name, log, process);
                if (!expectedToEnd) process.Exited += (_, _) => OnExit(child);
                process.Start();
                process.StandardInput.Close();
                started.SetResult(child);
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return started.Task;
    }

    private void OnExit(ChildProcess child)
    {
        lock (_running)
        {
            if (_stopping || FirstDead is not null) return;
            FirstDead = child;
        }
        _died.Cancel();
    }
}
