using System.Runtime.InteropServices;

namespace Fleet.Modeling;

/// <summary>
/// Environment variables that native libraries read when they load. <see cref="Environment.SetEnvironmentVariable(string, string)"/>
/// changes .NET's own copy only; libtorch, OpenMP and ONNX Runtime ask libc.
/// </summary>
internal static partial class NativeEnvironment
{
    private static readonly Lock Gate = new();
    private static bool _prepared;

    /// <summary>To be called before the first tensor or session; later calls change only the threads.</summary>
    /// <param name="torchThreads">
    /// Threads inside one operator. One by default: on a machine that does other work, two threads that wait for each other
    /// were measured slower than one.
    /// </param>
    public static void Prepare(int torchThreads = 1)
    {
        lock (Gate)
        {
            if (!_prepared && OperatingSystem.IsLinux())
            {
                // OpenMP's default is to spin while it waits: on a busy machine training fell to a tenth.
                Set("OMP_WAIT_POLICY", "PASSIVE");
                // The runtime's Linux build sends usage data unless told not to before it loads.
                Set("ORT_DISABLE_TELEMETRY", "1");
            }
            _prepared = true;
            TorchSharp.torch.set_num_threads(torchThreads);
        }
    }

    private static void Set(string name, string value)
    {
        // An operator's own setting wins.
        if (Environment.GetEnvironmentVariable(name) is null && SetEnvironment(name, value, overwrite: 0) != 0)
            throw new InvalidOperationException($"libc refused to set {name} (error {Marshal.GetLastPInvokeError()}).");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
