using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Fleet.Agent.Run;

/// <summary>One line per event for people at a terminal: time, room, sentence.</summary>
internal sealed class LogLines(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    /// <summary>What the console logger finds it by.</summary>
    public const string FormatterName = "fleet";

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var room = logEntry.Category.Split('.') is ["Fleet", "Agent", var name, ..] ? name : logEntry.Category;
        var level = logEntry.LogLevel switch
        {
            LogLevel.Critical or LogLevel.Error => "ERROR ",
            LogLevel.Warning => "warning ",
            _ => "",
        };
        textWriter.Write($"{time.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)} {level}{room}: {logEntry.Formatter(logEntry.State, logEntry.Exception)}");
        // On the same line: whoever greps for the sentence finds the cause.
        if (logEntry.Exception is { } exception) textWriter.Write($" | {exception.ToString().ReplaceLineEndings(" | ")}");
        textWriter.WriteLine();
    }
}
