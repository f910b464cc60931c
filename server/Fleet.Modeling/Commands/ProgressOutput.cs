using System.CommandLine;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Commands;

/// <summary>
/// Progress for a program that shows it (<c>fleet</c>): with <c>--progress-json</c> standard output holds nothing but one
/// <see cref="BuildProgress"/> a line, and results go to the report file alone.
/// </summary>
internal static class ProgressOutput
{
    /// <summary>The option, hidden: it is for programs.</summary>
    public static Option<bool> Option() => new("--progress-json") { Hidden = true };

    /// <summary>Where progress goes.</summary>
    public static IProgress<BuildProgress> Of(bool asJson) => asJson ? new Lines() : new Silence();

    private sealed class Lines : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value) => Console.WriteLine(JsonSerializer.Serialize(value, FleetJson.Default.BuildProgress));
    }

    private sealed class Silence : IProgress<BuildProgress>
    {
        public void Report(BuildProgress value)
        {
            // A person who runs this program sees the result.
        }
    }
}
