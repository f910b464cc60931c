using Fleet.Agent.Facts;
using Fleet.TestKit;

namespace Fleet.Agent.Tests.Facts;

public sealed class FactsTests
{
    [Fact]
    public void Flags_of_an_x86_processor_are_read_and_sorted()
    {
        var cpu = CpuInfo.Parse(
            "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: sse avx2 avx\n\nprocessor\t: 1\nmodel name\t: AMD EPYC "
                + "7B13\nflags\t\t: sse avx2 avx\n");
        Assert.Equal("AMD EPYC 7B13", cpu.Name);
        Assert.Equal(["avx", "avx2", "sse"], cpu.Flags);
    }

    [Fact]
    public void Of_big_and_little_arm_cores_only_what_all_can_is_kept()
        => Assert.Equal(["asimd", "fp"],
            CpuInfo.Parse("processor\t: 0\nFeatures\t: fp asimd asimddp\n\nprocessor\t: 1\nFeatures\t: fp asimd\n").Flags);

    [Fact]
    public void Nothing_readable_gives_no_flags() => Assert.Empty(CpuInfo.Parse("").Flags);

    [Fact]
    public void Memory_of_the_control_group_counts_when_it_is_less()
    {
        var files = new Dictionary<string, string>
        {
            ["sys/fs/cgroup/a/b/memory.max"] = "max\n",
            ["sys/fs/cgroup/a/memory.max"] = "1048576\n",
        };
        Assert.Equal(1048576, UsableMemory.Of("MemTotal:        2048 kB\n", "0::/a/b\n", path => files.GetValueOrDefault(path, "")));
        Assert.Equal(2048 * 1024, UsableMemory.Of("MemTotal:        2048 kB\n", "0::/\n", _ => ""));
        Assert.Equal(0, UsableMemory.Of("", "", _ => ""));
    }

    [Fact]
    public void Jetson_is_known_by_its_device_tree()
    {
        using var root = new TemporaryFolder();
        Directory.CreateDirectory(root["proc", "device-tree"]);
        File.WriteAllText(root["proc", "device-tree", "compatible"], "nvidia,p3768-0000\0nvidia,tegra234\0");
        File.WriteAllText(root["proc", "device-tree", "model"], "NVIDIA Jetson Orin Nano\0");
        var facts = new FactsReader(root.Path).Read("jetson");
        Assert.Equal(["nvidia-tegra"], facts.Accelerators);
        Assert.Equal(("NVIDIA Jetson Orin Nano", "jetson"), (facts.Processor, facts.DeclaredProfile));
    }

    [Fact]
    public void This_machine_has_facts()
    {
        var facts = new FactsReader().Read(null);
        Assert.NotEmpty(facts.Architecture);
        Assert.NotEmpty(facts.IsaFlags);
        Assert.True(facts.MemoryBytes > 0 && facts.LogicalCpus > 0);
        Assert.Equal("CPUExecutionProvider", facts.ExecutionProviders[^1]);
        Assert.Null(facts.DeclaredProfile);
    }
}
