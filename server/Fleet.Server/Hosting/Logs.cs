using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;
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
        builder.Logging.AddConsole(
            console => console.FormatterName = SystemdHelpers.IsSystemdService()
                ? ConsoleFormatterNames.Systemd
                : SentenceFormatter.FormatterName);
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

/// <summary>One line: time, level where it matters, room, sentence.</summary>
internal sealed class SentenceFormatter(IOptions<ConsoleFormatterOptions> options, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    /// <summary>The formatter's name in settings.</summary>
    public const string FormatterName = "sentence";

    private readonly string _format = options.Value.TimestampFormat ?? "yyyy-MM-dd HH:mm:ss";

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var level = logEntry.LogLevel switch
        {
            LogLevel.Information => "",
            LogLevel.Warning => "WARNING ",
            LogLevel.Error => "ERROR ",
            LogLevel.Critical => "CRITICAL ",
            _ => "debug ",
        };
        textWriter.Write(time.GetUtcNow().ToString(_format, CultureInfo.InvariantCulture));
        textWriter.WriteLine($" {level}{RoomOf(logEntry.Category)}: {logEntry.Formatter(logEntry.State, logEntry.Exception)}");
        if (logEntry.Exception is { } exception) textWriter.WriteLine(exception);
    }

    /// <summary>The room of a category of this server, its third word; categories of others keep their names.</summary>
    private static string RoomOf(string category)
        => category.StartsWith("Fleet.Server.", StringComparison.Ordinal) && category.Split('.') is [_, _, var room, ..] ? room : category;
}
