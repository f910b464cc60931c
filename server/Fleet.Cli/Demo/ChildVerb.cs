using System.Globalization;
using System.Runtime.InteropServices;

namespace Fleet.Cli.Demo;

/// <summary>
/// The hidden verb <c>fleet child PARENT LOG PROGRAM ARGUMENTS…</c>: this process becomes PROGRAM, in a session of its own (Ctrl+C in
/// the terminal is the demo's alone), writing to LOG, and told to end by the kernel when the demo dies, however it dies.
/// </summary>
internal static class ChildVerb
{
    /// <summary>The verb.</summary>
    public const string Name = "child";

    /// <summary>Arguments that make this program become another one.</summary>
    public static IEnumerable<string> Arguments(int parent, string log, string program, IEnumerable<string> arguments)
        => [Name, parent.ToString(CultureInfo.InvariantCulture), log, program, .. arguments];

    /// <summary>Becomes the program; returns only when that failed.</summary>
    public static int Become(string[] arguments)
    {
        if (arguments is not [var parent, var log, var program, ..])
            return Refuse("usage: fleet child PARENT LOG PROGRAM ARGUMENTS...");
        var descriptor = Native.Open(log, Native.OpenForAppending, Native.OwnerOnly);
        if (descriptor < 0 || Native.Duplicate(descriptor, 1) < 0 || Native.Duplicate(descriptor, 2) < 0) return Refuse($"cannot write to {log}");

        _ = Native.BeginSession();
        _ = Native.ProcessControl(Native.ParentDeathSignal, Native.SignalTerminate, 0, 0, 0);
        // The signal comes for a parent that dies from now on; one that is gone already has to be noticed here.
        if (Native.ParentProcess().ToString(CultureInfo.InvariantCulture) != parent) return 1;

        _ = Native.Execute(program, [.. arguments[2..], null]);
        return Refuse($"cannot start {program}");
    }

    private static int Refuse(string problem)
    {
        Console.Error.WriteLine($"fleet child: {problem} ({Marshal.GetLastPInvokeErrorMessage()})");
        return 127;
    }
}
