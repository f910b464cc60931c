using System.Globalization;
using Fleet.Platform;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Fleet.Agent.Run;

/// <summary>One line per event for people at a terminal, whatever is in it: time, room, sentence.</summary>
internal sealed class LogLines(TimeProvider time) : ConsoleFormatter(FormatterName)
{
    /// <summary>The name under which the console logger finds it.</summary>
    public const string FormatterName = "fleet";

    /// <summary>The journal has the time, and takes the level from a number in front.</summary>
    private readonly bool _journal = SystemdUnit.IsThisProcess;

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var room = logEntry.Category.Split('.') is ["Fleet", "Agent", var name, ..] ? name : logEntry.Category;
        // The numbers are those of syslog.
        var (level, number) = logEntry.LogLevel switch
        {
            LogLevel.Critical or LogLevel.Error => ("ERROR ", 3),
            LogLevel.Warning => ("warning ", 4),
            LogLevel.Information => ("", 6),
            _ => ("", 7),
        };
        var begin = _journal
            ? $"<{number}>"
            : $"{time.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture)} {level}";
        var sentence = PlainText.Line($"{room}: {logEntry.Formatter(logEntry.State, logEntry.Exception)}");
        textWriter.Write(begin + sentence);
        // On the same line, so that a grep for the sentence finds the cause as well.
        if (logEntry.Exception is { } exception) textWriter.Write($" | {PlainText.Line(exception.ToString().ReplaceLineEndings(" | "))}");
        textWriter.WriteLine();
    }
}
