using static TorchSharp.torch;

namespace Fleet.Modeling.Torch;

/// <summary>Where networks are trained.</summary>
internal static class TrainingDevice
{
    /// <summary>The device of a training run: <c>auto</c> takes a GPU where libtorch has one.</summary>
    /// <exception cref="BuildException">A GPU is asked for and there is none.</exception>
    public static Device Choose(string asked) => asked switch
    {
        "cpu" => CPU,
        "cuda" when !cuda.is_available() =>
            throw new BuildException(
                "training.device is 'cuda', but this worker's libtorch finds no CUDA device; install the worker with libtorch-cuda on a "
                    + "machine with a GPU and its driver, or set device to 'auto' or 'cpu'."),
        _ => cuda.is_available() ? CUDA : CPU,
    };
}
