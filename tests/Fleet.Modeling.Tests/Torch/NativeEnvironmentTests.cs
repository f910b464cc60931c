using Fleet.Modeling.Torch;
using TorchSharp;

namespace Fleet.Modeling.Tests.Torch;

public sealed class NativeEnvironmentTests
{
    [Fact]
    public void Torch_loads_from_this_output_folder_and_runs_an_operation()
    {
        NativeEnvironment.Prepare();
        using var scope = torch.NewDisposeScope();
        Assert.Equal(4950, torch.arange(100).sum().ToInt64());
        Assert.Equal(1, torch.get_num_threads());
    }
}
