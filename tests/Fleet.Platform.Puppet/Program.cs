using System.Diagnostics;
using System.Globalization;
using Fleet.Platform;

// What the tests read comes a line at a time; what they wait for never comes by itself.
switch (args)
{
    case ["stop", var manner]:
        using (var stop = StopSignals.Listen())
        {
            Say("listening");
            await Task.Delay(Timeout.Infinite, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Say($"asked to stop: {stop.WereSent}");
            if (manner == "stubborn") await Task.Delay(Timeout.Infinite);
            return StopSignals.ExitCode;
        }

    // Starts another puppet, whose lines come out here as well, and lives until it is killed.
    case ["start", .. var child]:
        using (var started = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, child)))
        {
            started!.WaitForExit();
            return 1;
        }

    case ["end-with-parent", var starter]:
        Say(ParentProcess.EndWithIt(ProcessSignal.Kill, starter == "mine" ? ParentProcess.Id : 1)
            ? $"{Environment.ProcessId} ends with its parent"
            : $"{Environment.ProcessId} has lost its parent");
        await Task.Delay(Timeout.Infinite);
        return 1;

    case ["notice-parent"]:
        var parent = ParentProcess.Id;
        Say($"{parent} is the parent");
        await ParentProcess.GoneAsync(parent, TimeProvider.System, CancellationToken.None);
        Say($"{parent} is gone");
        return 0;

    case ["allocate", var allowed, var wanted]:
        ProcessLimits.AllowMemory(Mebibytes(allowed));
        Say(Allocate(Mebibytes(wanted)));
        return 0;

    case ["allocate-meanwhile", var allowed, var wanted]:
        using (ProcessLimits.AllowMemoryMeanwhile(Mebibytes(allowed)))
        {
            using (ProcessLimits.AllowMemoryMeanwhile(2 * Mebibytes(wanted))) Say($"inside both: {Allocate(Mebibytes(wanted))}");
            Say($"inside: {Allocate(Mebibytes(wanted))}");
        }
        Say($"after: {Allocate(Mebibytes(wanted))}");
        return 0;

    case ["forbid-core"]:
        ProcessLimits.ForbidCoreFile();
        Say(File.ReadLines("/proc/self/limits").First(line => line.StartsWith("Max core file size", StringComparison.Ordinal)));
        return 0;

    case ["write", var path]:
        DurableFile.Write(path, "written"u8);
        Say("written");
        return 0;

    // Replaces a file without end, each time with as many bytes of another letter.
    case ["rewrite", var path, var length]:
        for (var i = 0; ; i++)
        {
            var content = new byte[int.Parse(length, CultureInfo.InvariantCulture)];
            content.AsSpan().Fill((byte)('a' + i % 26));
            DurableFile.Write(path, content);
            if (i == 26) Say("rewriting");
        }

    default:
        return 2;
}

static void Say(string line)
{
    Console.Out.WriteLine(line);
    Console.Out.Flush();
}

static long Mebibytes(string number) => long.Parse(number, CultureInfo.InvariantCulture) << 20;

static string Allocate(long bytes)
{
    try
    {
        var memory = new byte[bytes];
        GC.KeepAlive(memory);
        return "allocated";
    }
    catch (OutOfMemoryException)
    {
        return "refused";
    }
}
