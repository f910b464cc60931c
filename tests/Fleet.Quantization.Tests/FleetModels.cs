using Fleet.TestKit;

namespace Fleet.Quantization.Tests;

/// <summary><c>fleet models quantize</c>, the built program.</summary>
internal static class FleetModels
{
    /// <summary>Runs it to its end. Of what it says the progress is left out, so that a refusal is one sentence.</summary>
    public static async Task<ProcessResult> QuantizeAsync(IEnumerable<string> arguments, TimeSpan deadline)
    {
        var result = await ChildProcess.RunAsync(Programs.Cli, ["models", "quantize", .. arguments], deadline);
        return result with { Output = Said(result.Output) };
    }

    /// <summary>What it says, without the lines of progress and without its own name in front.</summary>
    public static string Said(string output) => string.Join('\n', output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Where(line => !line.StartsWith('['))
        .Select(line => line.StartsWith("fleet: ", StringComparison.Ordinal) ? line["fleet: ".Length..] : line));
}
