using System.CommandLine;
using Fleet.Cli.Terminal;

namespace Fleet.Cli.Commands;

internal static class DemoCommand
{
    public static Command Create(Shell shell) => new("demo", "x");
}
