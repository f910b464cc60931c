using Fleet.Agent.Telemetry;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Telemetry;

/// <summary>What is said of a machine, from the kernel's files of another one, and of this one.</summary>
public sealed class ResourceReaderTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    [Fact]
    public void Processor_use_is_what_was_not_idle_since_the_last_call()
    {
        var reader = new ResourceReader(_root.Path, _root.Path);
        Write("proc/stat", "cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 2 3 4\n");
        Assert.Null(reader.Read([]).CpuUsage);
        // 100 ticks more: 30 of work, 60 idle, 10 waiting for disks. Guest time is part of user time and counts once.
        Write("proc/stat", "cpu  120 0 110 760 110 0 0 0 90 0\n");
        Assert.Equal(0.3, reader.Read([]).CpuUsage!.Value, 1e-9);
        // The kernel's counters may stand still, or begin anew after a processor was taken away.
        Assert.Null(reader.Read([]).CpuUsage);
        Write("proc/stat", "cpu  1 0 1 1 1 0 0 0 0 0\n");
        Assert.Null(reader.Read([]).CpuUsage);
    }

    [Fact]
    public void Memory_used_is_what_is_not_available()
    {
        Write("proc/meminfo", "MemTotal:       2000 kB\nMemFree:          10 kB\nMemAvailable:   1500 kB\n");
        Assert.Equal(500 * 1024, new ResourceReader(_root.Path, _root.Path).Read([]).MemoryUsedBytes);
    }

    [Theory]
    [InlineData("45000", "61500", 61.5)]
    [InlineData("61500", "-274000", 61.5)] // A sensor that is switched off.
    [InlineData("-12000", "", -12.0)]
    [InlineData("", "nonsense", null)]
    public void Temperature_is_that_of_the_hottest_zone_that_makes_sense(string first, string second, double? celsius)
    {
        Write("sys/class/thermal/thermal_zone0/temp", first + "\n");
        Write("sys/class/thermal/thermal_zone1/temp", second + "\n");
        Write("sys/class/thermal/cooling_device0/temp", "99000\n");
        Assert.Equal(celsius, new ResourceReader(_root.Path, _root.Path).Read([]).TemperatureCelsius);
    }

    [Fact]
    public void Figure_that_the_kernel_does_not_give_is_null()
    {
        var stats = new ResourceReader(_root.Path, _root.Path).Read([]);
        Assert.Null(stats.CpuUsage);
        Assert.Null(stats.MemoryUsedBytes);
        Assert.Null(stats.TemperatureCelsius);
    }

    [Fact]
    public async Task Memory_of_the_agent_counts_its_children_as_long_as_they_live()
    {
        var reader = new ResourceReader(_root.Path);
        var alone = reader.Read([]).AgentMemoryBytes!.Value;
        // This process once more, as if it were a child.
        Assert.InRange(reader.Read([Environment.ProcessId]).AgentMemoryBytes!.Value, alone * 3 / 2, alone * 4);

        await using var child = ChildProcess.Start("sleep", ["60"]);
        child.Kill();
        await child.WaitForExitAsync(TimeSpan.FromSeconds(30));
        Assert.InRange(reader.Read([child.Id]).AgentMemoryBytes!.Value, alone / 2, alone * 5 / 4);
    }

    [Fact]
    public void This_machine_has_figures()
    {
        var reader = new ResourceReader(_root.Path);
        reader.Read([]);
        var stats = reader.Read([]);
        Assert.InRange(stats.CpuUsage ?? 0, 0, 1);
        Assert.InRange(stats.MemoryUsedBytes!.Value, 1, long.MaxValue);
        Assert.InRange(stats.AgentMemoryBytes!.Value, 1 << 20, 1L << 40);
        Assert.InRange(stats.DiskFreeBytes!.Value, 1, long.MaxValue);
    }

    public void Dispose() => _root.Dispose();

    private void Write(string path, string text)
    {
        var file = _root[path.Split('/')];
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
