using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Children;

/// <summary>
/// A child's side of the conversation with the agent: commands on standard input, answers on standard output, the log on standard
/// error.
/// </summary>
internal sealed class ChildStreams : IDisposable
{
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Stream _output;

    /// <summary>
    /// Ctrl+C reaches every process of a terminal, and systemd's SIGTERM every process of a unit. The children ignore both, because the
    /// agent finishes its work and then ends them itself.
    /// </summary>
    private readonly PosixSignalRegistration[] _ignored =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true),
    ];

    private ChildStreams(Stream input, Stream output) => (Input, _output) = (input, output);

    /// <summary>Commands from the agent; the end of the stream means that the agent is gone or wants this process to end.</summary>
    public Stream Input { get; }

    /// <summary>Writes the log as <see cref="ChildLog"/> reads it.</summary>
    public ILoggerProvider LoggerProvider { get; } = new ChildLoggerProvider();

    /// <summary>Takes the streams over. From here on, whatever a library prints goes to the log and not into the answers.</summary>
    public static ChildStreams Open()
    {
        // .NET holds a duplicate of the descriptor, so that the number 1 is free to mean standard error.
        var streams = new ChildStreams(Console.OpenStandardInput(), Console.OpenStandardOutput());
        _ = DuplicateTo(2, 1);
        return streams;
    }

    /// <summary>
    /// True when the agent started this process: without <see cref="ChildProgram.DisableTelemetry"/> ONNX Runtime would call home.
    /// </summary>
    public static bool StartedByAgent => Environment.GetEnvironmentVariable(ChildProgram.DisableTelemetry) == "1";

    /// <summary>Tells a person who typed a hidden verb that the agent uses it for itself.</summary>
    public static async Task<int> RefuseAsync(string usage)
    {
        await Console.Error.WriteLineAsync(
            $"fleet-agent {usage} is for the agent itself, which sets {ChildProgram.DisableTelemetry}=1 and writes to standard input.");
        return 2;
    }

    /// <summary>Writes one answer.</summary>
    public async Task WriteAsync<T>(T answer, JsonTypeInfo<T> type)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(answer, type), (byte)'\n'];
        await _writing.WaitAsync();
        try
        {
            await _output.WriteAsync(line);
            await _output.FlushAsync();
        }
        catch (IOException)
        {
            // The agent is gone; the end of the input ends this process.
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var signal in _ignored) signal.Dispose();
        LoggerProvider.Dispose();
        _writing.Dispose();
    }

    [DllImport("libc", EntryPoint = "dup2", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int DuplicateTo(int descriptor, int number);
}
