using System.Globalization;
using System.Text;
using Fleet.Contracts.Tensors;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// <c>fleet models quantize</c> as a command: what it takes for UltraFace and what has to be installed for it, beside an older commit
/// whose checkout <see cref="Variable"/> names and which was built there in Release.
/// </summary>
internal static class QuantizeCommandBenchmark
{
    private const string Variable = "FLEET_BEFORE";
    private const int Rounds = 3;
    private const int Pictures = 24, Height = 240, Width = 320;

    public static async Task<string> RunAsync(CancellationToken cancellationToken)
    {
        using var folder = new TemporaryFolder();
        foreach (var (name, seed) in new[] { ("calibration", 1), ("validation", 2) }) Save(folder[name], seed);
        List<(string Name, string Checkout, string[] Projects)> sides = [("now", Repository.Root, ["Fleet.Cli", "Fleet.Quantize"])];
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } before)
            sides.Insert(0, ("before", before, ["Fleet.Cli", "Fleet.Modeling"]));

        var costs = sides.ToDictionary(side => side.Name, _ => new List<ProgramCost>());
        for (var round = 0; round < Rounds; round++)
        {
            // Every second round the other way about: what one leaves in caches and heat is then shared out.
            foreach (var side in round % 2 == 0 ? sides : Enumerable.Reverse(sides))
            {
                var program = Path.Combine(side.Checkout, ".artifacts", "bin", "Fleet.Cli", "release", "fleet");
                var cost = await ProgramCost.OfAsync(program,
                    [
                        "models", "quantize", SharedData.PathOf("onnx-ultraface", "version-RFB-320_simplified.onnx"),
                        "--calibration", folder["calibration"], "--validation", folder["validation"], "--out",
                        folder[$"{side.Name}{round}"],
                    ], cancellationToken);
                costs[side.Name].Add(cost);
                Console.Error.WriteLine($"{side.Name}: {cost}");
            }
        }
        var installed = new Dictionary<string, long>();
        foreach (var side in sides)
        {
            installed[side.Name] = 0;
            foreach (var project in side.Projects)
                installed[side.Name] += await PublishedAsync(side.Checkout, project, folder[$"{side.Name}-{project}"], cancellationToken);
        }

        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"""
            `fleet models quantize` of UltraFace RFB-320 with the usual settings (all built-in profiles, all schemes), {Pictures} pictures
            to calibrate and {Pictures} others to judge: medians of {Rounds} runs each, in turns. Memory is that of the largest process.
            Installed is what `dotnet publish -c Release -r linux-x64 --self-contained` makes of the programs that the command needs.
            """);
        text.AppendLine(sides.Count > 1
            ? $"Before is the checkout that `{Variable}` names, built there in Release: commit 03c022f, where the command started "
                + "fleet-modeling, which loads libtorch."
            : $"Set `{Variable}` to a checkout of an older commit, built in Release, to have it beside this one.");
        text.AppendLine().AppendLine("| | CPU s | wall s | peak MB | processes | installed MB |")
            .AppendLine("|---|---:|---:|---:|---:|---:|");
        foreach (var side in sides)
        {
            double Median(Func<ProgramCost, double> of) => costs[side.Name].Select(of).Order().ElementAt(Rounds / 2);
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {side.Name} | {Median(cost => cost.Processor.TotalSeconds):0.0} | {Median(cost => cost.Wall.TotalSeconds):0.0} "
                    + $"| {Median(cost => cost.LargestProcess) / 1e6:0} | {Median(cost => cost.Processes):0} "
                    + $"| {installed[side.Name] / 1e6:0.0} |");
        }
        return text.ToString();
    }

    private static void Save(string folder, int seed)
    {
        const int length = 3 * Height * Width;
        Directory.CreateDirectory(folder);
        var pictures = PhotoLikePictures.Make(Pictures, Height, Width, seed, value => (value - 127) / 128);
        for (var i = 0; i < Pictures; i++)
        {
            using var file = File.Create(Path.Combine(folder, $"{i:00}.npz"));
            NpzArchive.Write(file, [new("input", NpyArray.Of(pictures.AsSpan(i * length, length), 1, 3, Height, Width))]);
        }
    }

    private static async Task<long> PublishedAsync(string checkout, string project, string output, CancellationToken cancellationToken)
    {
        var path = Directory.EnumerateFiles(checkout, project + ".csproj", SearchOption.AllDirectories).Single();
        await ProgramCost.OfAsync("dotnet",
            [
                "publish", path, "-c", "Release", "-r", "linux-x64", "--self-contained", "-v", "quiet", "-o", output,
                // Where this is built for another platform than the lock files know, and apart from what lies in the checkout.
                "-p:RestoreLockedMode=false", "-p:RestorePackagesWithLockFile=false", "-p:ArtifactsPath=" + output + ".artifacts",
            ], cancellationToken);
        return Directory.EnumerateFiles(output, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
    }
}
