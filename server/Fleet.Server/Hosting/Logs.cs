using System.Globalization;
using Fleet.Platform;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Fleet.Server.Hosting;

/// <summary>Logs as sentences on standard output, a line each; under systemd with the journal's own levels.</summary>
internal static class Logs
{
    /// <summary>Registers the console; levels come from the configuration's <c>Logging</c> section.</summary>
    public static void AddLogs(this WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        builder.Logging.AddConsoleFormatter<SentenceFormatter, ConsoleFormatterOptions>();
        builder.Logging.AddConsole();
        // Whatever the settings say: other formatters let escape sequences through.
        builder.Services.PostConfigure<ConsoleLoggerOptions>(console => console.FormatterName = SentenceFormatter.FormatterName);
        var start = new ServerStart();
        builder.Services.AddSingleton(start);
        // What the framework says of every request is said by the rooms where it matters. What stops the start is thrown as well,
        // and Program says it in a sentence: the framework's report of it would only bury that.
        builder.Logging.AddFilter("Microsoft", level => level >= LogLevel.Warning && start.IsOver);
    }
}

/// <summary>Whether the server has come to listen.</summary>
internal sealed class ServerStart
{
    private volatile bool _over;

    /// <summary>True from the moment it listens.</summary>
    public bool IsOver => _over;

    /// <summary>It listens.</summary>
    public void End() => _over = true;
}

/// <summary>
/// One line for each event, whatever is in it: time, level where it matters, room, sentence. Under systemd the journal has the time and
/// takes the level from a number in front. What came from outside (a topic, a client id, a host) cannot end the line or steer a terminal.
/// </summary>
internal sealed class SentenceFormatter(IOptions<ConsoleFormatterOptions> options, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    /// <summary>The formatter's name in settings.</summary>
    public const string FormatterName = "sentence";

    private readonly bool _journal = SystemdUnit.IsThisProcess;
    private readonly string _format = options.Value.TimestampFormat ?? "yyyy-MM-dd HH:mm:ss";

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        // The numbers are those of syslog.
        var (level, number) = logEntry.LogLevel switch
        {
            LogLevel.Information => ("", 6),
            LogLevel.Warning => ("WARNING ", 4),
            LogLevel.Error => ("ERROR ", 3),
            LogLevel.Critical => ("CRITICAL ", 2),
            _ => ("debug ", 7),
        };
        var begin = _journal ? $"<{number}>" : $"{time.GetUtcNow().ToString(_format, CultureInfo.InvariantCulture)} {level}";
        textWriter.Write(begin);
        textWriter.Write(PlainText.Line($"{RoomOf(logEntry.Category)}: {logEntry.Formatter(logEntry.State, logEntry.Exception)}"));
        // On the same line, so that a search for the sentence finds the cause as well.
        if (logEntry.Exception is { } exception) textWriter.Write($" | {PlainText.Line(exception.ToString().ReplaceLineEndings(" | "))}");
        textWriter.WriteLine();
    }

    /// <summary>The room of a category of this server, its third word; categories of others keep their names.</summary>
    private static string RoomOf(string category)
        => category.StartsWith("Fleet.Server.", StringComparison.Ordinal) && category.Split('.') is [_, _, var room, ..] ? room : category;
}
