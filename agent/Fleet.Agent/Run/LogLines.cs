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
        var now = time.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture);
        var sentence = PlainText.Line($"{room}: {logEntry.Formatter(logEntry.State, logEntry.Exception)}");
        textWriter.Write($"{now} {level}{sentence}");
        // On the same line, so that a grep for the sentence finds the cause as well.
        if (logEntry.Exception is { } exception) textWriter.Write($" | {PlainText.Line(exception.ToString().ReplaceLineEndings(" | "))}");
        textWriter.WriteLine();
    }
}
