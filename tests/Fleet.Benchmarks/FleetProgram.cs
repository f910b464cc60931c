using System.Diagnostics;

namespace Fleet.Benchmarks;

/// <summary>Runs the product's programs as a person would, and reads what they print.</summary>
internal static class FleetProgram
{
    /// <summary>Runs a program to its end and returns its standard output; its messages pass through to this terminal.</summary>
    /// <exception cref="InvalidOperationException">It ended with a code other than 0.</exception>
    public static async Task<string> RunAsync(string project, string name, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Start(project, name, arguments);
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{name} ended with code {process.ExitCode}. It printed:\n{output}");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>Starts a program of the same configuration as this one.</summary>
    public static Process Start(string project, string name, IEnumerable<string> arguments)
    {
        var configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var file = Path.Combine(Machine.RepositoryRoot, ".artifacts", "bin", project, configuration, name);
        if (!File.Exists(file)) throw new FileNotFoundException($"{file} is not built: run `dotnet build -c {configuration}` first.");
        return Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, WorkingDirectory = Machine.RepositoryRoot })!;
    }
}
