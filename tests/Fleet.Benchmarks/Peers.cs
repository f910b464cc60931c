using System.Diagnostics;
using System.Globalization;
using Fleet.TestKit;

namespace Fleet.Benchmarks;

/// <summary>
/// Today's Python tools, run by <c>../shared/peers/peers.sh</c> where it has made them: what they write is judged beside ours, in
/// our ONNX Runtime, in one process.
/// </summary>
internal static class Peers
{
    /// <summary>What a table says where they are not.</summary>
    public const string Absent =
        "The peer's tools are not on this machine (`../shared/peers/peers.sh create` makes them); its rows are left out.";

    private static readonly string Script = Repository.PathOf("..", "shared", "peers", "peers.sh");

    private static readonly string Folder = Environment.GetEnvironmentVariable("PEERS")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "fleet-peers");

    /// <summary>True when the tools are there.</summary>
    public static bool ArePresent
        => File.Exists(Script) && Directory.Exists(Path.Combine(Folder, "trixie", "usr", "lib", "python3", "dist-packages", "onnxruntime"));

    /// <summary>Makes the peer's file of a model.</summary>
    /// <returns>What the peer printed: its time and sizes.</returns>
    /// <exception cref="InvalidOperationException">The peer failed; the message holds what it printed.</exception>
    public static Task<string> QuantizeAsync(string model, string output, IEnumerable<string> options, CancellationToken cancellationToken)
        => RunAsync(["quantize", model, output, .. options], cancellationToken);

    /// <summary>Makes the peer's file of a model, and tells what that took.</summary>
    public static async Task<ProgramCost> CostOfQuantizingAsync(
        string model, string output, IEnumerable<string> options, CancellationToken cancellationToken)
    {
        await using var turn = await TurnAsync(cancellationToken);
        return await ProgramCost.OfAsync("bash", [Script, "quantize", model, output, .. options], cancellationToken);
    }

    /// <summary>Runs the script. One at a time: its runs share a folder for the files they exchange.</summary>
    public static async Task<string> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        await using var turn = await TurnAsync(cancellationToken);
        using var process = Process.Start(
            new ProcessStartInfo("bash", [Script, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        var failure = await errors;
        return process.ExitCode == 0
            ? output.Trim()
            : throw new InvalidOperationException(
                string.Create(CultureInfo.InvariantCulture, $"peers.sh {arguments.First()} ended with code {process.ExitCode}: {failure}"));
    }

    private static async Task<FileStream> TurnAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try { return new FileStream(Path.Combine(Folder, "turn"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None); }
            catch (IOException) { await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken); }
        }
    }
}
