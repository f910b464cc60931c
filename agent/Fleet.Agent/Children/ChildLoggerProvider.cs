using Microsoft.Extensions.Logging;

namespace Fleet.Agent.Children;

/// <summary>Writes log lines to standard error with the level's number in front (sd-daemon(3)), one line each.</summary>
internal sealed class ChildLoggerProvider : ILoggerProvider
{
    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new ChildLogger();

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private sealed class ChildLogger : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var number = logLevel switch
            {
                LogLevel.Critical or LogLevel.Error => 3,
                LogLevel.Warning => 4,
                LogLevel.Information => 6,
                _ => 7,
            };
            var line = formatter(state, exception) + (exception is null ? "" : $" {exception}");
            Console.Error.WriteLine($"<{number}>{line.ReplaceLineEndings(" | ")}");
        }
    }
}
