using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Proof;
using Fleet.TestKit;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Benchmarks.Quantization.Kernels;

/// <summary>
/// How many instructions an inference takes on a processor that this machine is not: ONNX Runtime in qemu's user mode, counted by a plugin
/// of it (<c>counts.c</c>). Debian's <c>qemu-user</c> takes plugins, <c>qemu-user-static</c> does not.
/// </summary>
internal static class InstructionCounts
{
    /// <summary>Runs that are counted; they differ by what the allocator does.</summary>
    private const int Runs = 2;

    private static readonly string Sources = Repository.PathOf("tests", "Fleet.Benchmarks", "Quantization", "Kernels");

    private static readonly string Runtime = Path.Combine(
        Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
        "microsoft.ml.onnxruntime", typeof(InferenceSession).Assembly.GetName().Version!.ToString(3));

    /// <summary>What is missing to count, in a sentence; null where nothing is.</summary>
    public static string? Missing()
    {
        (string Program, string Package)[] needed = [
            ("qemu-aarch64", "qemu-user"), ("gcc", "gcc"), ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
        ];
        return needed.FirstOrDefault(one => !IsOnPath(one.Program)) is ({ } program, var package)
            ? $"{program} is not on PATH (Debian package {package})." : null;
    }

    /// <summary>Compiles what runs models and what counts.</summary>
    public static async Task CompileAsync(TemporaryFolder folder, CancellationToken cancellationToken)
    {
        await RunAsync("gcc", ["-O1", "-shared", "-fPIC", "-o", folder["counts.so"], Path.Combine(Sources, "counts.c")], cancellationToken);
        foreach (var (architecture, compiler) in ((string, string)[])[("x64", "gcc"), ("arm64", "aarch64-linux-gnu-gcc")])
        {
            var native = Path.Combine(Runtime, "runtimes", $"linux-{architecture}", "native");
            await RunAsync(compiler,
                [
                    "-O1", "-I", Path.Combine(Runtime, "build", "native", "include"), Path.Combine(Sources, "runs.c"),
                    "-o", folder[$"runs-{architecture}"], "-L", native, "-lonnxruntime",
                ], cancellationToken);
            Directory.CreateDirectory(folder[architecture]);
            File.CreateSymbolicLink(Path.Combine(folder[architecture], "libonnxruntime.so.1"), Path.Combine(native, "libonnxruntime.so"));
        }
    }

    /// <summary>Instructions of one inference of each model, by its file; one that does not load there is missing.</summary>
    /// <param name="processor">The processor.</param>
    /// <param name="models">Model files, each with the file of its inputs.</param>
    /// <param name="settings">What sessions are told.</param>
    /// <param name="folder">Where <see cref="CompileAsync"/> compiled.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<IReadOnlyDictionary<string, double>> OfAsync(EmulatedProcessor processor,
        IReadOnlyList<(string Model, string Inputs)> models, RuntimeSettings settings, TemporaryFolder folder,
        CancellationToken cancellationToken)
    {
        var isArm = processor.Architecture == "arm64";
        var root = folder[$"root-{processor.Name}"];
        if (!Directory.Exists(root))
        {
            Directory.CreateDirectory(Path.Combine(root, "proc"));
            File.WriteAllText(Path.Combine(root, "proc", "cpuinfo"), processor.CpuInfo);
            if (isArm) File.CreateSymbolicLink(Path.Combine(root, "lib"), "/usr/aarch64-linux-gnu/lib");
        }
        var said = await RunAsync(isArm ? "qemu-aarch64" : "qemu-x86_64",
            [
                "-L", root, "-E", $"LD_LIBRARY_PATH={folder[processor.Architecture]}", "-E", "ORT_DISABLE_TELEMETRY=1",
                "-cpu", processor.Model, "-plugin", $"{folder["counts.so"]},close={(isArm ? 57 : 3)}",
                folder[$"runs-{processor.Architecture}"], Runs.ToString(CultureInfo.InvariantCulture),
                .. settings.SessionEntries.SelectMany(entry => (string[])["--entry", $"{entry.Key}={entry.Value}"]),
                .. models.SelectMany(one => (string[])[one.Model, one.Inputs]),
            ], cancellationToken);
        var (counts, model, before) = (new Dictionary<string, double>(), "", (double?)null);
        foreach (var line in said.Split('\n').Where(line => line.Length > 0))
        {
            if (line.StartsWith("model", StringComparison.Ordinal)) (model, before) = (line["model".Length..].Trim(), null);
            else if (line.StartsWith("executed ", StringComparison.Ordinal))
            {
                var count = double.Parse(line["executed ".Length..], CultureInfo.InvariantCulture);
                if (model.Length > 0 && before is { } first) counts[model] = (count - first) / Runs;
                before ??= count;
            }
            else Console.Error.WriteLine($"  {processor.Name}: {line}");
        }
        return counts;
    }

    /// <summary>Writes a sample as <c>runs.c</c> reads it.</summary>
    public static void WriteInputs(IFeedSource samples, string file)
    {
        using var feed = samples.Batches(1).First();
        using var written = File.Create(file);
        foreach (var (name, value) in feed.Names.Zip(feed.Values))
        {
            var tensor = value.GetTensorTypeAndShape();
            // A single number has no extents, and its bytes follow the line all the same.
            written.Write(System.Text.Encoding.UTF8.GetBytes(
                $"{string.Join(' ', [name, (int)tensor.ElementDataType, tensor.Shape.Length, .. tensor.Shape])}\n"));
            written.Write(MemoryMarshal.AsBytes(value.GetTensorMutableRawData()));
            written.Write("\n"u8);
        }
    }

    private static bool IsOnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Any(folder => File.Exists(Path.Combine(folder, program)));

    private static async Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var said = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        var other = await output;
        return process.ExitCode == 0 ? said : throw new InvalidOperationException(
            string.Create(CultureInfo.InvariantCulture, $"{program} ended with code {process.ExitCode}: {said}{other}"));
    }
}
