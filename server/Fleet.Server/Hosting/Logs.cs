using Microsoft.Extensions.Logging.Console;

namespace Fleet.Server.Hosting;

/// <summary>Logs as sentences on standard output, a line each; under systemd with the journal's own levels.</summary>
internal static class Logs
{
    /// <summary>Registers the console; levels come from the configuration's <c>Logging</c> section.</summary>
    public static void AddLogs(this WebApplicationBuilder builder)
    {
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss ";
            console.ColorBehavior = LoggerColorBehavior.Default;
        });
        // What the framework says of every request is said by the rooms where it matters.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
    }
}
