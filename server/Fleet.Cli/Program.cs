using System.Text;
using Fleet.Cli.Commands;
using Fleet.Cli.Demo;
using Fleet.Cli.Terminal;
using Fleet.Platform;

OwnerOnly.ByDefault();
if (args is [ChildVerb.Name, .. var child]) return ChildVerb.Become(child);

Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

using var stop = StopSignals.Listen();
return await FleetCommand.RunAsync(Shell.OfThisProcess(), args, stop.Token);
