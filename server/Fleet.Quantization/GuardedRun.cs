using System.Diagnostics;
using System.Globalization;
using System.Text;
using Fleet.Platform;

namespace Fleet.Quantization;

/// <summary>
/// Runs a command of this program in a process of its own, on models that come from anywhere: with a limit on memory, with its
/// files in a folder beside the target that takes the target's place only when all of it is there, and with a crash of native
/// code told in one sentence. A run that fails or is killed leaves the target as it was.
/// </summary>
internal static class GuardedRun
{
    /// <summary>Set in the child: the folder it writes to.</summary>
    private const string FolderVariable = "FLEET_MODELING_GUARDED";

    /// <summary>Set in the child: the process that started it.</summary>
    private const string StarterVariable = "FLEET_MODELING_GUARDED_BY";

    /// <summary>Set in the child: bytes of memory it may take beyond what it starts with.</summary>
    private const string MemoryVariable = "FLEET_MODELING_GUARDED_BYTES";

    /// <summary>Share of this machine's (or container's) memory that the work may take when nothing is said.</summary>
    private const double DefaultShare = 0.75;

    /// <summary>Most text of the child's errors that is kept.</summary>
    private const int MaximumErrorText = 1 << 16;

    /// <summary>What a program ended by a signal gives as its code, less the signal.</summary>
    private const int Signalled = 128;

    /// <summary>In the child, the folder to write to; null in the process that a person started.</summary>
    public static string? Folder { get; } = Environment.GetEnvironmentVariable(FolderVariable);

    /// <summary>In the child: takes on the limits, before anything large is loaded.</summary>
    public static void Enter()
    {
        // No child works on for a parent that was killed.
        if (!ParentProcess.EndWithIt(ProcessSignal.Kill, (int)Number(StarterVariable))) Environment.Exit(1);
        Limit(Number(MemoryVariable));
    }

    /// <summary>Allows this process so many bytes more than it has, and no core file.</summary>
    public static void Limit(long bytes)
    {
        ProcessLimits.ForbidCoreFile();
        ProcessLimits.AllowMemory(bytes);
    }

    /// <summary>
    /// Until disposed of, lets this process take no more than half of the machine's memory beyond what it has: for a worker, which
    /// lives on after a model that asks for more was refused.
    /// </summary>
    public static IDisposable HalfOfMemory() => ProcessLimits.AllowMemoryMeanwhile(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2);

    /// <summary>Runs this process's own command line in a child.</summary>
    /// <param name="target">Folder for the results.</param>
    /// <param name="subject">What is worked on, for messages.</param>
    /// <param name="gigabytes">Memory it may take; null for a share of what there is.</param>
    /// <param name="cancellationToken">Asks the child to stop.</param>
    /// <returns>The exit code; not 0 when nothing was written.</returns>
    /// <exception cref="OperationCanceledException">It was asked to stop, and nothing was written.</exception>
    public static int OwnCommand(string target, string subject, double? gigabytes, CancellationToken cancellationToken)
    {
        if (File.Exists(target)) throw new InvalidDataException($"{target} is a file; name a folder for the results.");
        var memory = (long)(gigabytes * 1e9 ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * DefaultShare);
        var parent = Path.GetDirectoryName(target) ?? throw new InvalidDataException($"{target} cannot take results; name a folder below it.");
        var partial = Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $".{Path.GetFileName(target)}.{Environment.ProcessId}.partial"));
        RemoveOrphans(parent, target);
        string[] made = [.. MissingFolders(parent)];
        var succeeded = false;
        try
        {
            var (code, errors) = Run(partial, memory, cancellationToken);
            succeeded = code == 0;
            if (succeeded) Place(partial, target);
            // Ctrl+C in a terminal reaches the child as well, perhaps before it listens: unless it complains, how it ended then says nothing.
            else if (code != 1) cancellationToken.ThrowIfCancellationRequested();
            if (code is 0 or 1 or 130) Console.Error.Write(errors);
            else Console.Error.WriteLine(Crash(code, errors, subject, memory));
            return code is 0 or 130 ? code : 1;
        }
        finally
        {
            if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
            foreach (var folder in made.Where(folder => !succeeded && Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())) Directory.Delete(folder);
        }
    }

    private static (int Code, string Errors) Run(string partial, long memory, CancellationToken cancellationToken)
    {
        string[] arguments = Environment.GetCommandLineArgs();
        var program = Environment.ProcessPath!;
        // Started as "dotnet fleet-modeling.dll", the program is the first argument; otherwise that is its own name.
        var start = new ProcessStartInfo(program, Path.GetFileNameWithoutExtension(program) == "dotnet" ? arguments : arguments.Skip(1)) { RedirectStandardError = true };
        start.Environment[FolderVariable] = partial;
        start.Environment[StarterVariable] = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        start.Environment[MemoryVariable] = memory.ToString(CultureInfo.InvariantCulture);
        // Without it a crash of native code is followed by pages of addresses.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        var errors = new StringBuilder();
        using var child = new Process { StartInfo = start };
        child.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is not null && errors.Length < MaximumErrorText) errors.AppendLine(line.Data);
        };
        child.Start();
        child.BeginErrorReadLine();
        using (cancellationToken.Register(() => _ = ProcessSignals.Send(child.Id, ProcessSignal.Terminate))) child.WaitForExit();
        return (child.ExitCode, errors.ToString());
    }

    /// <summary>Moves what was written to where it belongs; each file at once.</summary>
    private static void Place(string partial, string target)
    {
        if (!Directory.Exists(partial)) return;
        if (!Directory.Exists(target))
        {
            Directory.Move(partial, target);
            return;
        }
        foreach (var file in Directory.EnumerateFiles(partial, "*", SearchOption.AllDirectories))
        {
            var place = Path.Combine(target, Path.GetRelativePath(partial, file));
            Directory.CreateDirectory(Path.GetDirectoryName(place)!);
            File.Move(file, place, overwrite: true);
        }
    }

    private static string Crash(int code, string errors, string subject, long memory)
    {
        var limit = string.Create(CultureInfo.InvariantCulture, $"{memory / 1e9:0.0} GB");
        if (errors.Contains("bad_alloc", StringComparison.Ordinal) || errors.Contains("OutOfMemory", StringComparison.Ordinal) || errors.Contains("Out of memory", StringComparison.OrdinalIgnoreCase))
            return $"{subject} needs more than the {limit} of memory that it may have; allow more with --memory, or give a smaller model.";
        const string Unhandled = "Unhandled exception. ";
        if (errors.Split('\n').FirstOrDefault(line => line.StartsWith(Unhandled, StringComparison.Ordinal)) is { } fault)
            return $"{subject} met a fault of this program ({fault[Unhandled.Length..].Trim()}), and nothing was written; report it with the model.";
        return code == Signalled + (int)ProcessSignal.Kill
            ? $"The process that worked on {subject} was killed, most likely because this machine ran out of memory; allow less than {limit} with --memory, or give a smaller model."
            : $"{subject} made ONNX Runtime crash (code {code}), and nothing was written; check that the model loads there, and export it again.";
    }

    /// <summary>Removes what killed runs for the same target left.</summary>
    private static void RemoveOrphans(string parent, string target)
    {
        if (!Directory.Exists(parent)) return;
        foreach (var folder in Directory.EnumerateDirectories(parent, $".{Path.GetFileName(target)}.*.partial"))
        {
            if (int.TryParse(folder.Split('.')[^2], out var process) && !Directory.Exists($"/proc/{process}")) Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The folders on the way to <paramref name="folder"/> that do not exist yet, innermost first.</summary>
    private static IEnumerable<string> MissingFolders(string folder)
    {
        for (var at = folder; at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at)) yield return at;
    }

    private static long Number(string variable) => long.Parse(Environment.GetEnvironmentVariable(variable)!, CultureInfo.InvariantCulture);
}
