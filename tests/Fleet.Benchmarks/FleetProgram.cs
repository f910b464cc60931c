using System.Diagnostics;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>Runs the product's programs as a person would, and reads what they print.</summary>
internal static class FleetProgram
{
    /// <summary>Builds a spec here, without a server, and returns its report.</summary>
    /// <param name="folder">Where the spec is written, which paths in it start at.</param>
    /// <param name="spec">The spec, in YAML.</param>
    /// <param name="output">Name of the folder in it for what is built.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    /// <inheritdoc cref="RunCliAsync" path="/exception"/>
    public static async Task<BuildReport> BuildAsync(
        TemporaryFolder folder, string spec, string output, CancellationToken cancellationToken)
    {
        await File.WriteAllTextAsync(folder["spec.yaml"], spec, cancellationToken);
        var json = await RunCliAsync(
            ["models", "build", folder["spec.yaml"], "--local", "--out", folder[output], "--json"], cancellationToken);
        return JsonSerializer.Deserialize(json, FleetJson.Default.BuildReport)!;
    }

    /// <summary>
    /// Runs the operator's tool to its end and returns its standard output alone; its progress passes through to this terminal.
    /// </summary>
    /// <exception cref="InvalidOperationException">It ended with a code other than 0; the last thing that it said.</exception>
    public static async Task<string> RunCliAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(new ProcessStartInfo(Programs.Cli, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        })!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var last = "";
            while (await process.StandardError.ReadLineAsync(cancellationToken) is { } line)
            {
                Console.Error.WriteLine(line);
                if (!string.IsNullOrWhiteSpace(line)) last = line;
            }
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0 ? await output
                : throw new InvalidOperationException($"fleet ended with code {process.ExitCode}: {last}");
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
