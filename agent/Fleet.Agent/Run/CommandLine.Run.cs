using System.CommandLine;
using System.Globalization;

namespace Fleet.Agent.Run;

/// <summary>The command that keeps the device in the state the server wants.</summary>
internal static partial class CommandLine
{
    private static Command Run()
    {
        var port = new Option<int?>("--inference-port")
        {
            Description = "Loopback port that applications call; 0 picks a free one (default 8600)",
            HelpName = "port",
        };
        var interval = new Option<TimeSpan?>("--telemetry-interval")
        {
            Description = "Time between telemetry batches (default 00:00:10)",
            HelpName = "hh:mm:ss",
        };
        var settings = new Option<string[]>("--set")
        {
            Description = "Any other setting as room:name=value, such as Deployment:WatchPeriod=00:05:00. "
                + "Rooms: Link, Shelf, Deployment, Telemetry, Logging. The file agent.json in the data folder may hold the same settings",
            HelpName = "setting",
        };
        var command = new Command("run", "Keeps this device in the state the server wants, until it is told to stop.")
        {
            Data, port, interval, settings,
        };
        command.SetAction((parsed, cancellationToken) => GuardAsync(async () =>
        {
            var given = new Dictionary<string, string?>();
            foreach (var setting in parsed.GetValue(settings) ?? [])
            {
                if (setting.Split('=', 2) is not [var name, var value])
                    throw new UsageException($"Setting '{setting}' must look like room:name=value.");
                given[name] = value;
            }
            if (parsed.GetValue(port) is { } chosen) given["Inference:Port"] = chosen.ToString(CultureInfo.InvariantCulture);
            if (parsed.GetValue(interval) is { } length) given["Telemetry:Interval"] = length.ToString();
            try
            {
                await AgentHost.RunAsync(FolderOf(parsed), given, isLinked: true, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Stopped while it was still starting; it ran until it was told to stop.
            }
            return ExitCode.Success;
        }, cancellationToken));
        return command;
    }
}
