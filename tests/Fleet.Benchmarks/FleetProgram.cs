using System.Diagnostics;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>Runs the product's programs as a person would, and reads what they print.</summary>
internal static class FleetProgram
{
    /// <summary>
    /// Runs the operator's tool to its end and returns its standard output alone; its progress passes through to this terminal.
    /// </summary>
    /// <exception cref="InvalidOperationException">It ended with a code other than 0.</exception>
    public static async Task<string> RunCliAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(
            new ProcessStartInfo(Programs.Cli, arguments) { RedirectStandardOutput = true, WorkingDirectory = Repository.Root })!;
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0
                ? output
                : throw new InvalidOperationException($"fleet ended with code {process.ExitCode}. It printed:\n{output}");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
