using System.Runtime.InteropServices;

namespace Fleet.Quantization.Onnx;

/// <summary>
/// Environment variables that native libraries read when they load. <see cref="Environment.SetEnvironmentVariable(string, string)"/>
/// changes .NET's own copy only; libtorch, OpenMP and ONNX Runtime ask libc.
/// </summary>
internal static partial class NativeVariables
{
    private static readonly Lock Gate = new();
    private static bool _set;

    /// <summary>To be called before a native library loads; later calls do nothing.</summary>
    public static void Set()
    {
        lock (Gate)
        {
            if (_set) return;
            // OpenMP's default is to spin while it waits: on a busy machine training fell to a tenth.
            Set("OMP_WAIT_POLICY", "PASSIVE");
            // ONNX Runtime's official builds send usage data unless told not to before they load.
            Set("ORT_DISABLE_TELEMETRY", "1");
            _set = true;
        }
    }

    private static void Set(string name, string value)
    {
        // An operator's own setting wins.
        if (Environment.GetEnvironmentVariable(name) is not null) return;
        // For child processes, and on Windows for native code as well.
        Environment.SetEnvironmentVariable(name, value);
        if (!OperatingSystem.IsWindows() && SetEnvironment(name, value, overwrite: 0) != 0)
            throw new InvalidOperationException($"libc refused to set {name} (error {Marshal.GetLastPInvokeError()}).");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
