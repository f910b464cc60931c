using System.Globalization;
using System.Runtime.InteropServices;
using Fleet.Platform;

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
        if (arguments is not [var parent, var log, var program, ..] || !int.TryParse(parent, CultureInfo.InvariantCulture, out var starter))
            return Refuse("usage: fleet child PARENT LOG PROGRAM ARGUMENTS...");
        var descriptor = Native.Open(log, Native.OpenForAppending, Native.OwnerOnly);
        if (descriptor < 0 || Native.Duplicate(descriptor, 1) < 0 || Native.Duplicate(descriptor, 2) < 0)
            return Refuse($"cannot write to {log}");

        _ = Native.BeginSession();
        if (!ParentProcess.EndWithIt(ProcessSignal.Terminate, starter)) return 1;

        _ = Native.Execute(program, [.. arguments[2..], null]);
        return Refuse($"cannot start {program}");
    }

    private static int Refuse(string problem)
    {
        Console.Error.WriteLine($"fleet child: {problem} ({Marshal.GetLastPInvokeErrorMessage()})");
        return 127;
    }
}
