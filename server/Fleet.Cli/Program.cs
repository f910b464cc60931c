using System.Runtime.InteropServices;
using System.Text;
using Fleet.Cli.Commands;
using Fleet.Cli.Demo;
using Fleet.Cli.Terminal;

if (args is [ChildVerb.Name, .. var child]) return ChildVerb.Become(child);

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

// The first Ctrl+C asks for an orderly end; a second one, or a command that ignores the first, gets the default: the process is ended.
using var stop = new CancellationTokenSource();
void Ask(PosixSignalContext signal)
{
    signal.Cancel = !stop.IsCancellationRequested;
    stop.Cancel();
}
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask);
using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Ask);

return await FleetCommand.RunAsync(Shell.OfThisProcess(), args, stop.Token);
