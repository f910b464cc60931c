using System.Diagnostics;
using System.Globalization;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tensors;
using Fleet.Platform;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// Peak resident memory of a process of its own that loads a model and runs it, the runtime included: what a device's gate
/// judges. Inside one process the allocator's leftovers of earlier models would be counted, or hide what a model takes.
/// </summary>
internal static class PeakMemory
{
    /// <summary>Name of the hidden command that the process runs.</summary>
    public const string Verb = "measure-memory";

    /// <summary>Inferences before the peak is read: the arena has grown to its size by then.</summary>
    private const int Calls = 5;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    /// <summary>Programs that answer to <see cref="Verb"/>.</summary>
    private static readonly string[] Hosts = ["fleet-quantize", "fleet-modeling"];

    /// <summary>
    /// The program that measures: this one when it can, otherwise <c>fleet-quantize</c> where it is installed; null where it is not.
    /// </summary>
    private static string? Program
        => Environment.ProcessPath is { } own && Hosts.Contains(Path.GetFileNameWithoutExtension(own))
            ? own
            : SiblingProgram.Find("Fleet.Quantize", Hosts[0]);

    /// <summary>Bytes; null where no program that measures is installed, the system is not Linux, or the process failed.</summary>
    /// <param name="modelPath">The model.</param>
    /// <param name="samplePath">One sample as <see cref="WriteSample"/> wrote it.</param>
    /// <param name="runtime">Settings of the session.</param>
    public static long? Of(string modelPath, string samplePath, RuntimeSettings runtime)
    {
        if (!OperatingSystem.IsLinux() || Program is not { } program) return null;
        var start = new ProcessStartInfo(program,
            [
                Verb, modelPath, samplePath, runtime.IntraOpThreads.ToString(CultureInfo.InvariantCulture),
                .. runtime.SessionEntries.Select(entry => $"{entry.Key}={entry.Value}"),
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start);
        if (process is null) return null;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(Limit))
        {
            process.Kill();
            return null;
        }
        _ = errors.Result;
        return process.ExitCode == 0 && long.TryParse(output.Result.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : null;
    }

    /// <summary>
    /// Writes the first sample of a source as an npz for <see cref="Of"/>; false when it has an element type that npz cannot hold.
    /// </summary>
    public static bool WriteSample(IFeedSource samples, string path)
    {
        using var feed = samples.Batches(1).First();
        var arrays = new List<KeyValuePair<string, NpyArray>>();
        foreach (var (name, value) in feed.Names.Zip(feed.Values))
        {
            var tensor = value.GetTensorTypeAndShape();
            if (NpyTypes.NameOf(tensor.ElementDataType) is not { } type) return false;
            arrays.Add(new(name, new NpyArray(
                type, [.. tensor.Shape.Select(extent => (int)extent)], value.GetTensorMutableRawData().ToArray())));
        }
        using var file = File.Create(path);
        NpzArchive.Write(file, arrays);
        return true;
    }

    /// <summary>What the process does: loads, runs, and writes its own peak in bytes.</summary>
    public static int Run(string[] arguments)
    {
        if (arguments is not [var modelPath, var samplePath, var threads, .. var entries]) return 1;
        var runtime = new RuntimeSettings
        {
            IntraOpThreads = int.Parse(threads, CultureInfo.InvariantCulture),
            SessionEntries = entries.Select(entry => entry.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]),
        };
        // The model first: its peak while loading is the model's, whatever the sample takes.
        using var session = OnnxRuntimeSession.Open(modelPath, runtime);
        using var file = File.OpenRead(samplePath);
        var arrays = NpzArchive.Read(file, ArrayFeeds.MaximumBytes);
        using var feed = new Feed(ModelInput.Of(session).ToDictionary(input => input.Name, input => input.Value(arrays[input.Name])));
        using var options = new RunOptions();
        for (var call = 0; call < Calls; call++) session.Run(options, feed.Names, feed.Values, session.OutputNames).Dispose();
        Console.WriteLine(ProcessMemory.PeakResident(Environment.ProcessId));
        return 0;
    }
}
