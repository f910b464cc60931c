using System.Globalization;
using Fleet.TestKit;

namespace Fleet.Platform.Tests;

/// <summary>Signals, parents and limits, of real processes.</summary>
public sealed class ProcessTests
{
    [Theory]
    [InlineData(ProcessSignal.Interrupt)]
    [InlineData(ProcessSignal.Terminate)]
    public async Task First_signal_asks_for_an_orderly_end(ProcessSignal signal)
    {
        await using var puppet = Puppet.Start("stop", "orderly");
        await puppet.WaitForLineAsync("listening", Puppet.Deadline);
        Assert.True(ProcessSignals.Send(puppet.Id, signal));
        Assert.Equal(StopSignals.ExitCode, await puppet.WaitForExitAsync(Puppet.Deadline));
        Assert.Equal(["listening", "asked to stop: True"], puppet.Lines);
    }

    [Theory]
    [InlineData(ProcessSignal.Interrupt)]
    [InlineData(ProcessSignal.Terminate)]
    public async Task Second_signal_of_a_kind_ends_the_process(ProcessSignal signal)
    {
        await using var puppet = Puppet.Start("stop", "stubborn");
        await puppet.WaitForLineAsync("listening", Puppet.Deadline);
        ProcessSignals.Send(puppet.Id, signal);
        await puppet.WaitForLineAsync("asked to stop", Puppet.Deadline);
        ProcessSignals.Send(puppet.Id, signal);
        Assert.Equal(128 + (int)signal, await puppet.WaitForExitAsync(Puppet.Deadline));
    }

    [Fact]
    public async Task Same_wish_passed_on_as_another_signal_does_not_cut_the_end_short()
    {
        await using var puppet = Puppet.Start("stop", "stubborn");
        await puppet.WaitForLineAsync("listening", Puppet.Deadline);
        ProcessSignals.Send(puppet.Id, ProcessSignal.Interrupt);
        await puppet.WaitForLineAsync("asked to stop", Puppet.Deadline);
        ProcessSignals.Send(puppet.Id, ProcessSignal.Terminate);
        ProcessSignals.Send(puppet.Id, ProcessSignal.Interrupt);
        Assert.Equal(128 + (int)ProcessSignal.Interrupt, await puppet.WaitForExitAsync(Puppet.Deadline));
    }

    [Fact]
    public async Task Signal_to_a_process_that_has_ended_says_so()
    {
        await using var puppet = Puppet.Start("stop", "orderly");
        await puppet.WaitForLineAsync("listening", Puppet.Deadline);
        Assert.True(ProcessSignals.Send(puppet.Id, ProcessSignal.Kill));
        Assert.Equal(137, await puppet.WaitForExitAsync(Puppet.Deadline));
        Assert.False(ProcessSignals.Send(puppet.Id, ProcessSignal.Terminate));
        Assert.False(ProcessSignals.SendToGroup(puppet.Id, ProcessSignal.Terminate));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Id_that_means_more_than_one_process_is_refused(int id)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessSignals.Send(id, ProcessSignal.Kill));
        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessSignals.SendToGroup(id, ProcessSignal.Kill));
        Assert.Throws<ArgumentOutOfRangeException>(() => ProcessSignals.SendToGroup(1, ProcessSignal.Kill));
    }

    [Fact]
    public async Task Process_ends_with_a_parent_that_is_killed()
    {
        await using var parent = Puppet.Start("start", "end-with-parent", "mine");
        var line = await parent.WaitForLineAsync("ends with its parent", Puppet.Deadline);
        var child = int.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.NotNull(ProcessMemory.Resident(child));
        parent.Kill();
        await Eventually.TrueAsync($"process {child} ends", () => ProcessMemory.Resident(child) is null);
    }

    [Fact]
    public async Task Process_whose_parent_is_gone_already_is_told_so()
    {
        await using var parent = Puppet.Start("start", "end-with-parent", "another");
        await parent.WaitForLineAsync("has lost its parent", Puppet.Deadline);
    }

    [Fact]
    public async Task Process_notices_that_its_parent_was_killed_and_still_does_its_work()
    {
        await using var parent = Puppet.Start("start", "notice-parent");
        await parent.WaitForLineAsync($"{parent.Id} is the parent", Puppet.Deadline);
        parent.Kill();
        await Eventually.TrueAsync("the child speaks of it", () => parent.Lines.Contains($"{parent.Id} is gone"));
    }

    [Fact]
    public async Task Memory_beyond_the_limit_is_refused_and_memory_below_it_is_not()
    {
        Assert.Equal("refused", (await Puppet.RunAsync("allocate", "100", "300")).Output);
        Assert.Equal("allocated", (await Puppet.RunAsync("allocate", "600", "300")).Output);
    }

    [Fact]
    public async Task Limit_for_a_while_ends_and_is_never_raised_from_inside()
    {
        var result = await Puppet.RunAsync("allocate-meanwhile", "100", "300");
        Assert.Equal("inside both: refused\ninside: refused\nafter: allocated", result.Output);
    }

    [Fact]
    public async Task Core_file_can_be_forbidden()
        => Assert.Matches(@"^Max core file size\s+0\s+0\s+bytes", (await Puppet.RunAsync("forbid-core")).Output);

    [Fact]
    public async Task Memory_of_a_process_is_known_until_it_ends()
    {
        await using var puppet = Puppet.Start("stop", "orderly");
        await puppet.WaitForLineAsync("listening", Puppet.Deadline);
        var resident = ProcessMemory.Resident(puppet.Id);
        Assert.InRange(resident!.Value, 1 << 20, 1L << 32);
        Assert.True(ProcessMemory.PeakResident(puppet.Id) >= resident);
        Assert.True(ProcessMemory.Data(puppet.Id) > 0);
        puppet.Kill();
        await puppet.WaitForExitAsync(Puppet.Deadline);
        Assert.Null(ProcessMemory.Resident(puppet.Id));
    }
}
