using System.CommandLine;
using System.Text.Json;
using Fleet.Agent.Bundles;

namespace Fleet.Agent.Run;

/// <summary>The commands for sites that no network reaches: a release comes in a file, and a report goes back in one.</summary>
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

    private static Command Report()
    {
        var file = new Argument<string>("FILE") { Description = "Where to write it. A file that is there is replaced" };
        var json = new Option<bool>("--json") { Description = "Writes what is in it as JSON" };
        var command = new Command(
            "report", "Writes what this device has to say into a file of at most 12 MiB, signed, for 'fleet devices import-report' where "
                + "the server is: what serves and why something does not, what was measured with its receipts, and telemetry that was not "
                + "delivered. An agent may run or not. The device keeps the telemetry until an order of the server says that it arrived.")
        {
            Data, file, json,
        };
        command.SetAction((parsed, cancellationToken) => GuardAsync(async () =>
        {
            var path = Path.GetFullPath(parsed.GetValue(file)!);
            var answer = new ReportWriter(FolderOf(parsed), TimeProvider.System).Write(path);
            await Console.Out.WriteLineAsync(
                parsed.GetValue(json) ? JsonSerializer.Serialize(answer, BundlesJson.Default.ReportAnswer) : SentenceOf(answer));
            return ExitCode.Success;
        }, cancellationToken));
        return command;
    }

    private static string SentenceOf(ReportAnswer answer)
    {
        var left = answer.Left == 0 ? "" : $"{answer.Left:N0} more wait for the next one, once an order says that these arrived.\n";
        return $"Report {answer.Number} of {answer.Device} is in {answer.File}, {answer.Bytes:N0} bytes: {answer.Models} models, "
            + $"{answer.Batches:N0} telemetry batches.\n{left}Carry it to the server: fleet devices import-report {answer.File}";
    }
}
