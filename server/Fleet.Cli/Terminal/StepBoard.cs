using Spectre.Console;

namespace Fleet.Cli.Terminal;

/// <summary>
/// What a long command does, step by step. On a terminal the list is redrawn in place with a moving bar; elsewhere each step and each
/// new detail is a line of its own, with the time since the start.
/// </summary>
internal sealed partial class StepBoard
{
    private static readonly TimeSpan RedrawEvery = TimeSpan.FromMilliseconds(200);

    private readonly Shell _shell;
    private readonly long _startedAt;
    private readonly Lock _gate = new();
    private readonly List<Step> _steps = [];

    private readonly bool _asLines;

    private StepBoard(Shell shell, bool asLines)
    {
        (_shell, _asLines) = (shell, asLines || !shell.Live);
        _startedAt = shell.Time.GetTimestamp();
    }

    /// <summary>Time since the board was opened.</summary>
    public TimeSpan Elapsed => _shell.Time.GetElapsedTime(_startedAt);

    /// <summary>The title of the step that is running or, after a failure, was running.</summary>
    public string Current
    {
        get { lock (_gate) return _steps.Count == 0 ? "" : _steps[^1].Title; }
    }

    /// <summary>
    /// Runs <paramref name="work"/> with a board that is drawn as long as it lasts, or written <paramref name="asLines"/>.
    /// </summary>
    public static async Task<T> RunAsync<T>(Shell shell, Func<StepBoard, Task<T>> work, bool asLines = false)
    {
        var board = new StepBoard(shell, asLines);
        if (board._asLines) return await work(board);

        var result = default(T)!;
        await shell.ProgressConsole.Live(board.Draw()).Overflow(VerticalOverflow.Crop).StartAsync(async live =>
        {
            var running = work(board);
            using var timer = new PeriodicTimer(RedrawEvery, shell.Time);
            while (!running.IsCompleted)
            {
                live.UpdateTarget(board.Draw());
                await Task.WhenAny(running, timer.WaitForNextTickAsync(CancellationToken.None).AsTask());
            }
            live.UpdateTarget(board.Draw());
            result = await running;
        });
        return result;
    }

    /// <summary>Runs one step.</summary>
    /// <param name="title">What it is.</param>
    /// <param name="work">Returns its result.</param>
    /// <param name="goesOn">See <see cref="Step.GoesOn"/>.</param>
    public async Task<T> StepAsync<T>(string title, Func<Step, Task<T>> work, bool goesOn = false)
    {
        var step = new Step(this, title, Elapsed, goesOn);
        lock (_gate) _steps.Add(step);
        WriteLine($"{title} …");
        try
        {
            var result = await work(step);
            step.End(step.WentWrong ? StepState.Failed : StepState.Done, Elapsed);
            WriteLine($"{title}: {(step.Detail.Length > 0 ? step.Detail : "done")} ({DurationText.Of(step.Took)})");
            return result;
        }
        catch (OperationCanceledException)
        {
            step.End(StepState.Left, Elapsed);
            WriteLine($"{title}: {(step.GoesOn ? "no longer followed" : "stopped")} after {DurationText.Of(step.Took)}");
            throw;
        }
        catch
        {
            step.End(StepState.Failed, Elapsed);
            WriteLine($"{title}: failed after {DurationText.Of(step.Took)}");
            throw;
        }
    }

    /// <inheritdoc cref="StepAsync{T}(string, Func{Step, Task{T}}, bool)"/>
    public Task StepAsync(string title, Func<Step, Task> work) => StepAsync(title, async step =>
    {
        await work(step);
        return true;
    });

    private void WriteLine(string text)
    {
        if (!_asLines) return;
        lock (_gate) _shell.Error.WriteLine($"[{(int)Elapsed.TotalMinutes:00}:{Elapsed.Seconds:00}] {text}");
    }

    private Rows Draw()
    {
        lock (_gate)
        {
            return new Rows(_steps.SelectMany(step => step.Draw(Elapsed, _shell.Width)));
        }
    }
}
