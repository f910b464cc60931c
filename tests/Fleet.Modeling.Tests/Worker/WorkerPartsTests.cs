using Fleet.Contracts.Devices;
using Fleet.Modeling.Worker;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Worker;

public sealed class WorkerPartsTests
{
    [Theory]
    [InlineData("Gateway_7.example.org")]
    [InlineData("a-machine-whose-name-is-much-longer-than-any-name-that-the-server-would-ever-take-in")]
    public void Every_machine_has_a_name_that_the_server_takes(string machine)
    {
        var name = WorkerOptions.NameOf(machine, 4_194_304);
        Assert.True(Names.IsName(name), name);
        Assert.EndsWith("-4194304", name, StringComparison.Ordinal);
    }

    [Fact]
    public void Folder_of_a_build_is_gone_with_the_build()
    {
        using var folder = new TemporaryFolder();
        using var work = new WorkFolder(folder.Path);
        var build = work.Open("b1");
        File.WriteAllText(Path.Combine(build.Path, "teacher.onnx"), "weights");
        build.Delete();
        Assert.False(Directory.Exists(build.Path));
    }

    [Fact]
    public void What_a_killed_worker_left_is_there_for_the_same_build_and_removed_for_another()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["builds", "b1"]);
        File.WriteAllText(folder["builds", "b1", "teacher.onnx"], "weights");
        using var work = new WorkFolder(folder.Path);
        work.Open("b1");
        Assert.True(File.Exists(folder["builds", "b1", "teacher.onnx"]));
        work.Open("b2");
        Assert.False(Directory.Exists(folder["builds", "b1"]));
        Assert.True(Directory.Exists(folder["builds", "b2"]));
    }

    [Fact]
    public void Second_worker_on_the_same_folder_is_refused_with_the_remedy()
    {
        using var folder = new TemporaryFolder();
        using var first = new WorkFolder(folder.Path);
        Assert.Contains("its own --data", Assert.Throws<IOException>(() => new WorkFolder(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Work_on_its_own_thread_hands_back_results_failures_and_cancellation()
    {
        Assert.Equal("named", await DedicatedThread.RunAsync("named", () => Thread.CurrentThread.Name));
        await Assert.ThrowsAsync<BuildException>(() => DedicatedThread.RunAsync<int>("fails", () => throw new BuildException("no")));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => DedicatedThread.RunAsync<int>("stops", () => throw new OperationCanceledException()));
    }
}
