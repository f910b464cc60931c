using System.CommandLine;
using Fleet.Cli.Client;
using Fleet.Cli.Display;
using Fleet.Cli.Terminal;
using Fleet.Contracts;
using Fleet.Contracts.Http;

namespace Fleet.Cli.Commands;

/// <summary>The verb for devices that no network reaches.</summary>
internal static partial class DevicesCommand
{
    private static Command ImportReport(Shell shell)
    {
        var file = new Argument<string>("FILE") { Description = "A report that 'fleet-agent report' wrote." };
        return Verb.On(shell, "import-report", """
            Takes the report of a device that no network reaches: what it serves, what it measured, why something failed, and its
            telemetry. It counts as if the device were connected, for rollouts too. The device must have signed it, and it must be newer
            than what is known here; the same file once more changes nothing. The next order to the device, as 'fleet releases export
            --device' writes it, says that its telemetry arrived.

            Example:
              fleet devices import-report press-17.report
            """, [file], async (call, cancellationToken) =>
        {
            try
            {
                await using var content = File.OpenRead(call.Get(file));
                var imported = await call.Client.ImportReportAsync(content, cancellationToken);
                call.Show(imported, FleetJson.Default.ImportedReportView, screen =>
                {
                    DeviceTables.Write(screen, imported.Device, call.Now);
                    screen.WriteLine();
                    screen.WriteLine(SentenceOf(imported));
                    foreach (var reason in imported.Refused ?? []) screen.WriteHint($"Telemetry was not taken: {reason}.");
                });
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new FleetException($"{call.Get(file)} cannot be read: {e.Message}", e);
            }
        });
    }

    private static string SentenceOf(ImportedReportView imported) => imported.Repeated
        ? $"Report {imported.Device.Report?.Number} of {imported.Device.Id} was imported before; nothing was changed."
        : $"Report {imported.Device.Report?.Number} of {imported.Device.Id} is imported, with "
            + $"{(imported.Batches == 1 ? "1 telemetry batch" : $"{Figures.Count(imported.Batches)} telemetry batches")}.";
}
