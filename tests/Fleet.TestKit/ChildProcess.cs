using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Fleet.TestKit;

/// <summary>
/// A real program under test: its output is kept line by line, it can be asked to stop or be killed, and nothing it started
/// outlives the test, not even what it orphaned by dying.
/// </summary>
public sealed partial class ChildProcess : IAsyncDisposable
{
    // Inherited by every descendant, so that orphans are found again after their parent was killed.
    private const string Mark = "FLEET_TEST_PROCESS";

    private static readonly ConcurrentDictionary<ChildProcess, byte> Running = new();

    private readonly string _mark = Guid.NewGuid().ToString("N");
    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private readonly List<(Predicate<string> Matches, TaskCompletionSource<string> Found)> _waiting = [];

    static ChildProcess() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        foreach (var left in Running.Keys) left.KillEverything();
    };

    private ChildProcess(ProcessStartInfo start)
    {
        start.Environment[Mark] = _mark;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => Take(line.Data);
        _process.Start();
        Running[this] = 0;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>True once it ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it wrote so far to standard output and standard error, in the order it arrived.</summary>
    public IReadOnlyList<string> Lines
    {
        get { lock (_gate) return [.. _lines]; }
    }

    /// <summary>The same as one text.</summary>
    public string Output => string.Join('\n', Lines);

    /// <summary>Starts a program. Its standard input stays open and silent: a program that ends with its starter sees it alive.</summary>
    /// <param name="program">Path, or a name on PATH.</param>
    /// <param name="arguments">Arguments, each passed as it is.</param>
    /// <param name="environment">Variables to set; null removes one.</param>
    /// <param name="workingFolder">Where it runs; the test's own folder when null.</param>
    public static ChildProcess Start(
        string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null,
        string? workingFolder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingFolder ?? "",
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>()) start.Environment[name] = value;
        return new ChildProcess(start);
    }

    /// <summary>Runs a program to its end, with nothing to read from standard input.</summary>
    public static async Task<ProcessResult> RunAsync(
        string program, IEnumerable<string> arguments, TimeSpan deadline,
        IReadOnlyDictionary<string, string?>? environment = null, string? workingFolder = null)
    {
        await using var child = Start(program, arguments, environment, workingFolder);
        child._process.StandardInput.Close();
        var code = await child.WaitForExitAsync(deadline);
        return new ProcessResult(code, child.Output);
    }

    /// <summary>Returns the first line, past or to come, that holds <paramref name="fragment"/>.</summary>
    public Task<string> WaitForLineAsync(string fragment, TimeSpan deadline)
        => WaitForLineAsync($"a line with '{fragment}'", line => line.Contains(fragment, StringComparison.Ordinal), deadline);

    /// <summary>Returns the first line, past or to come, for which <paramref name="matches"/> holds.</summary>
    /// <exception cref="TimeoutException">No such line came, or the program ended without it; the message holds its output.</exception>
    public async Task<string> WaitForLineAsync(string what, Predicate<string> matches, TimeSpan deadline)
    {
        var found = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_lines.Find(matches) is { } line) return line;
            _waiting.Add((matches, found));
        }
        using var limit = new CancellationTokenSource(deadline);
        // WaitForExit also waits for the end of the output, so a last line is seen before the exit is.
        var ended = _process.WaitForExitAsync(limit.Token);
        if (await Task.WhenAny(found.Task, ended) == found.Task || found.Task.IsCompleted) return await found.Task;
        throw new TimeoutException(ended.IsCompletedSuccessfully
            ? $"{Name} ended with code {_process.ExitCode} before it wrote {what}. It wrote:\n{Output}"
            : $"{Name} did not write {what} within {deadline.TotalSeconds:0.#} s. It wrote:\n{Output}");
    }

    /// <summary>Awaits its end.</summary>
    /// <returns>The exit code; 128 plus the signal when it was killed.</returns>
    public async Task<int> WaitForExitAsync(TimeSpan deadline)
    {
        using var limit = new CancellationTokenSource(deadline);
        try { await _process.WaitForExitAsync(limit.Token); }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Name} did not end within {deadline.TotalSeconds:0.#} s. It wrote:\n{Output}");
        }
        return _process.ExitCode;
    }

    /// <summary>Asks it to stop (SIGTERM).</summary>
    public void Terminate() => Signal(15);

    /// <summary>Asks it and all that it started to stop (SIGINT), as Ctrl+C in a terminal does.</summary>
    public void Interrupt()
    {
        foreach (var id in Marked()) _ = Kill(id, 2);
    }

    /// <summary>Ends it at once (SIGKILL), and only it: what it started is left to notice.</summary>
    public void Kill() => Signal(9);

    /// <summary>Stops it from running without ending it (SIGSTOP); <see cref="Resume"/> lets it run on.</summary>
    public void Suspend() => Signal(19);

    /// <summary>Lets a suspended program run on (SIGCONT).</summary>
    public void Resume() => Signal(18);

    /// <summary>Ids of the processes that it, or what it started, has running.</summary>
    public IReadOnlyList<int> Descendants() => [.. Marked().Where(id => id != Id)];

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        KillEverything();
        await _process.WaitForExitAsync(new CancellationTokenSource(TimeSpan.FromSeconds(10)).Token)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Running.TryRemove(this, out _);
        _process.Dispose();
    }

    private string Name => Path.GetFileName(_process.StartInfo.FileName);

    private void Take(string? line)
    {
        if (line is null) return;
        lock (_gate)
        {
            _lines.Add(line);
            _waiting.RemoveAll(waiting => waiting.Matches(line) && waiting.Found.TrySetResult(line));
        }
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited) _ = Kill(_process.Id, signal);
    }

    private void KillEverything()
    {
        if (!_process.HasExited) _process.Kill();
        // Twice: what was being started during the first look is there at the second.
        for (var round = 0; round < 2; round++)
        {
            foreach (var id in Marked()) _ = Kill(id, 9);
        }
    }

    private IEnumerable<int> Marked() => Directory.EnumerateDirectories("/proc")
        .Select(folder => int.TryParse(Path.GetFileName(folder), out var id) ? id : 0)
        .Where(id => id > 0 && EnvironmentOf(id).Contains($"{Mark}={_mark}", StringComparison.Ordinal));

    private static string EnvironmentOf(int id)
    {
        // Processes of others and processes that just ended are not ours to read.
        try { return File.ReadAllText($"/proc/{id}/environ"); }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { return ""; }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

/// <summary>How a program ended.</summary>
/// <param name="Code">Exit code.</param>
/// <param name="Output">Everything it wrote.</param>
public sealed record ProcessResult(int Code, string Output);
