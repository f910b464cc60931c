using Fleet.Server.Rollouts;
using Microsoft.Extensions.Time.Testing;

namespace Fleet.Server.Tests.Rollouts;

public sealed class RolloutWakeTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly RolloutWake _wake = new();

    [Fact]
    public async Task Wait_ends_when_the_moment_comes()
    {
        var wait = _wake.WaitAsync(_clock.GetUtcNow().AddMinutes(2), _clock, default);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.False(wait.IsCompleted);
        _clock.Advance(TimeSpan.FromMinutes(1));
        await wait.WaitAsync(TimeSpan.FromSeconds(10));
    }

    /// <summary>The engine looked, was held up past the moment, and set its alarm then: nothing would have woken it.</summary>
    [Fact]
    public async Task Wait_for_a_moment_that_has_passed_ends_without_the_clock_going_on()
        => await _wake.WaitAsync(_clock.GetUtcNow(), _clock, default).WaitAsync(TimeSpan.FromSeconds(10));

    [Fact]
    public async Task Wait_without_a_moment_ends_when_woken_or_stopped()
    {
        var woken = _wake.WaitAsync(null, _clock, default);
        _wake.Set();
        await woken.WaitAsync(TimeSpan.FromSeconds(10));

        using var stop = new CancellationTokenSource();
        var stopped = _wake.WaitAsync(null, _clock, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped);
    }

    /// <summary>The moment comes just as the engine is woken: the timer is called although its wait is over.</summary>
    [Fact]
    public async Task Timer_that_is_called_after_the_wait_does_no_harm()
    {
        var clock = new LateClock();
        var wait = _wake.WaitAsync(clock.GetUtcNow().AddMinutes(1), clock, default);
        _wake.Set();
        await wait.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.NotNull(clock.Due);
        clock.Due();
    }

    /// <summary>A clock whose one timer is called when the test says so, disposed of or not.</summary>
    private sealed class LateClock : TimeProvider, ITimer
    {
        public Action? Due { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Due = () => callback(state);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
