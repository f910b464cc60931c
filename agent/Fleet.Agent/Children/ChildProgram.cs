using System.Diagnostics;

namespace Fleet.Agent.Children;

/// <summary>
/// Starts this same executable with a hidden verb. Native code that may crash (ONNX Runtime, execution providers) runs only in
/// such a child. A child ends when its standard input ends, which the kernel ensures however the agent dies.
/// </summary>
internal static class ChildProgram
{
    /// <summary>Turns off ONNX Runtime's telemetry. It reads the native environment once, when its library loads.</summary>
    public const string DisableTelemetry = "ORT_DISABLE_TELEMETRY";

    private const string Name = "fleet-agent";

    /// <summary>
    /// The agent's executable: this process, or the file beside its assemblies where something else hosts them
    /// (<c>dotnet fleet-agent.dll</c>, a test).
    /// </summary>
    public static string Path { get; } = System.IO.Path.GetFileNameWithoutExtension(Environment.ProcessPath) == Name
        ? Environment.ProcessPath!
        : System.IO.Path.Combine(AppContext.BaseDirectory, Name);

    /// <summary>How to start a child: all three streams redirected, ONNX Runtime's telemetry off.</summary>
    public static ProcessStartInfo StartInfo(params IEnumerable<string> arguments) => new(Path, arguments)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        UseShellExecute = false,
        Environment = { [DisableTelemetry] = "1" },
    };
}
