using System.Diagnostics;
using System.Globalization;
using Fleet.Platform;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>What a program and all that it started took.</summary>
/// <param name="Wall">From its start to its end.</param>
/// <param name="Processor">User and system time of all its processes.</param>
/// <param name="LargestProcess">Most resident memory of any one of its processes, in bytes.</param>
/// <param name="Processes">Most processes that were alive at once.</param>
internal sealed record ProgramCost(TimeSpan Wall, TimeSpan Processor, long LargestProcess, int Processes)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs it to its end.</summary>
    /// <exception cref="InvalidOperationException">It ended with another code than 0; the message holds its output.</exception>
    public static async Task<ProgramCost> OfAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var before = ChildrenProcessor();
        var began = Stopwatch.GetTimestamp();
        var (largest, most) = (0L, 0);
        await using (var child = ChildProcess.Start(program, arguments))
        {
            while (!child.HasExited)
            {
                // A root of its own (chroot) hides the mark by which descendants are known.
                int[] ids = [.. child.Descendants().Concat(Descendants(child.Id)).Append(child.Id).Distinct()];
                most = Math.Max(most, ids.Length);
                foreach (var id in ids) largest = Math.Max(largest, ProcessMemory.PeakResident(id) ?? 0);
                await Task.Delay(Glance, cancellationToken);
            }
            var code = await child.WaitForExitAsync(TimeSpan.FromSeconds(10));
            if (code != 0) throw new InvalidOperationException($"{program} ended with code {code}: {child.Output}");
        }
        return new ProgramCost(Stopwatch.GetElapsedTime(began), ChildrenProcessor() - before, largest, most);
    }

    private static IEnumerable<int> Descendants(int id)
    {
        var children = $"/proc/{id}/task/{id}/children";
        string[] ids;
        // What ended meanwhile has none.
        try { ids = File.ReadAllText(children).Split(' ', StringSplitOptions.RemoveEmptyEntries); }
        catch (IOException) { return []; }
        return ids.Select(child => int.Parse(child, CultureInfo.InvariantCulture)).SelectMany(child => Descendants(child).Prepend(child));
    }

    // proc_pid_stat(5): cutime and cstime, fields 16 and 17, of children that have ended and been waited for, theirs included. They are
    // counted in ticks of 1/100 s, whatever the kernel's own clock. The name, field 2, may hold spaces; it ends with the last bracket.
    private static TimeSpan ChildrenProcessor()
    {
        var stat = File.ReadAllText("/proc/self/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromMilliseconds(10 * fields[13..15].Sum(ticks => long.Parse(ticks, CultureInfo.InvariantCulture)));
    }
}
