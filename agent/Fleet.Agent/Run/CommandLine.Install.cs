using System.CommandLine;

namespace Fleet.Agent.Run;

/// <summary>The command for sites that no network reaches.</summary>
internal static partial class CommandLine
{
    private static Command Install()
    {
        var file = new Argument<string>("FILE") { Description = "A bundle that 'fleet releases export' wrote" };
        var json = new Option<bool>("--json") { Description = "Writes what became of it as JSON" };
        var command = new Command(
            "install", "Installs a release that was carried here in a file, with or without an agent that runs. It must be signed by a key "
                + "this device trusts, passes the same checks and measurements as one from the network, and what serves goes on serving "
                + "until it has. One that is cut short is done by the next agent that starts.")
        {
            Data, file, json,
        };
        command.SetAction((parsed, cancellationToken) => GuardAsync(
            () => new Installation(FolderOf(parsed), Console.Out, Console.Error).RunAsync(
                parsed.GetValue(file)!, parsed.GetValue(json), cancellationToken),
            cancellationToken));
        return command;
    }
}
