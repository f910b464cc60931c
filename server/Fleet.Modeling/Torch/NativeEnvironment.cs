using Fleet.Quantization.Onnx;

namespace Fleet.Modeling.Torch;

/// <summary>Makes libtorch ready.</summary>
internal static class NativeEnvironment
{
    /// <summary>To be called before the first tensor: sets the variables that native libraries read, then loads libtorch.</summary>
    /// <param name="torchThreads">
    /// Threads inside one operator. One by default: on a machine that does other work, two threads that wait for each other
    /// were measured slower than one.
    /// </param>
    public static void Prepare(int torchThreads = 1)
    {
        NativeVariables.Set();
        TorchSharp.torch.set_num_threads(torchThreads);
    }
}
