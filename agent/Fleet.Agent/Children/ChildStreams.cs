using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Children;

/// <summary>A child's side of the conversation with the agent: commands on standard input, answers on standard output, the log on standard error.</summary>
internal sealed class ChildStreams : IDisposable
{
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Stream _output;

    /// <summary>
    /// Ctrl+C reaches every process of a terminal, and systemd's SIGTERM every process of a unit: the agent finishes what it does and
    /// then ends its children itself.
    /// </summary>
    private readonly PosixSignalRegistration[] _ignored =
    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true),
    ];

    private ChildStreams(Stream input, Stream output) => (Input, _output) = (input, output);

    /// <summary>What the agent says; its end means that the agent is gone or wants this process to end.</summary>
    public Stream Input { get; }

    /// <summary>Writes the log as <see cref="ChildLog"/> reads it.</summary>
    public ILoggerProvider LoggerProvider { get; } = new ChildLoggerProvider();

    /// <summary>Takes the streams over. From here on what any library prints goes to the log instead of into the answers.</summary>
    public static ChildStreams Open()
    {
        // .NET holds a duplicate of the descriptor, so that the number 1 is free to mean standard error.
        var streams = new ChildStreams(Console.OpenStandardInput(), Console.OpenStandardOutput());
        _ = DuplicateTo(2, 1);
        return streams;
    }

    /// <summary>True when this process was started as the agent starts it: without <see cref="ChildProgram.DisableTelemetry"/> ONNX Runtime would call home.</summary>
    public static bool StartedByAgent => Environment.GetEnvironmentVariable(ChildProgram.DisableTelemetry) == "1";

    /// <summary>Says how a hidden verb is used, to a person who typed it.</summary>
    public static async Task<int> RefuseAsync(string usage)
    {
        await Console.Error.WriteLineAsync($"fleet-agent {usage}: the agent starts this for itself, with {ChildProgram.DisableTelemetry}=1 and its commands on standard input.");
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
