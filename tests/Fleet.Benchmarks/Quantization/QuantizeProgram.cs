using System.Globalization;
using System.Text.Json;
using Fleet.Contracts;
using Fleet.Contracts.Builds;

namespace Fleet.Benchmarks.Quantization;

/// <summary>Quantizing in a process of its own, as the command does it.</summary>
internal static class QuantizeProgram
{
    private const long Memory = 12L << 30;

    /// <summary>Quantizes, and tells what that took and what came of it.</summary>
    /// <param name="request">What is quantized and how.</param>
    /// <param name="output">Folder that variants and report are written to.</param>
    /// <param name="checkout">The checkout whose program does it.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    public static async Task<(ProgramCost Cost, QuantizationReport Report)> RunAsync(
        QuantizationRequest request, string output, string checkout, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(output);
        var asked = output + ".json";
        await File.WriteAllTextAsync(asked, JsonSerializer.Serialize(request, FleetJson.Default.QuantizationRequest), cancellationToken);
        var cost = await ProgramCost.OfAsync(
            Path.Combine(checkout, ".artifacts", "bin", "Fleet.Quantize", "release", "fleet-quantize"),
            ["quantize", asked, output, Memory.ToString(CultureInfo.InvariantCulture)], cancellationToken);
        var report = await File.ReadAllTextAsync(Path.Combine(output, "report.json"), cancellationToken);
        return (cost, JsonSerializer.Deserialize(report, FleetJson.Default.QuantizationReport)!);
    }
}
