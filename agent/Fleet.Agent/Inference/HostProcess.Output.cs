using System.Text.Json;
using Fleet.Agent.Children;
using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Inference;

/// <summary>The part that reads what the process writes until it ends.</summary>
internal sealed partial class HostProcess
{
    private async Task<ChildExit> LiveAsync()
    {
        await Task.Yield();
        await Task.WhenAll(ReadRepliesAsync(), ForwardLogAsync());
        await _process.WaitForExitAsync();
        var exit = new ChildExit(_process.ExitCode);
        _listens.TrySetException(new HostDiedException(exit));
        _ = _listens.Task.Exception; // Observed, even when nothing waits for it.
        foreach (var reply in _pending.Values) reply.TrySetException(new HostDiedException(exit));
        return exit;
    }

    private async Task ReadRepliesAsync()
    {
        try
        {
            var output = _process.StandardOutput.BaseStream;
            await foreach (var line in JsonLines.ReadAsync(output, HostReply.MaximumBytes, CancellationToken.None))
            {
                var reply = JsonSerializer.Deserialize(line.Span, HostJson.Default.HostReply) ?? throw new JsonException("An empty reply.");
                _received(reply);
                if (reply.Id == 0) _listens.TrySetResult(reply);
                else if (_pending.TryGetValue(reply.Id, out var waiting)) waiting.TrySetResult(reply);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            LogUnreadable(e, Id);
            _process.Kill();
        }
    }

    private async Task ForwardLogAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line) ChildLog.Forward(_logger, line);
    }

    [LoggerMessage(LogLevel.Error, "The inference host (process {ProcessId}) answered with something unreadable and is killed.")]
    private partial void LogUnreadable(Exception exception, int processId);
}
