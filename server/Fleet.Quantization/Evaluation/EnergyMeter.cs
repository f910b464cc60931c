using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// Energy by RAPL, the counters that Intel and AMD processors keep of each package and Linux shows under
/// <c>/sys/class/powercap</c> (Documentation/power/powercap/powercap.rst of the kernel). Most virtual machines have none, and
/// reading them usually takes root.
/// </summary>
internal sealed partial class EnergyMeter
{
    /// <summary>Energy is taken over at least this time: the counters advance every millisecond, and a second drowns that step.</summary>
    private static readonly TimeSpan LeastTime = TimeSpan.FromSeconds(1);

    /// <summary>And over at least this many inferences, so that one that was disturbed does not decide.</summary>
    private const int LeastCalls = 20;

    private readonly IReadOnlyList<(string Counter, double Range)> _packages;

    private EnergyMeter(IReadOnlyList<(string, double)> packages) => _packages = packages;

    /// <summary>This machine's meter, or null when there is none that this process may read.</summary>
    public static EnergyMeter? OfThisMachine { get; } = Open("/sys/class/powercap");

    /// <summary>The packages under <paramref name="folder"/>; null when there are none that can be read.</summary>
    public static EnergyMeter? Open(string folder)
    {
        if (!Directory.Exists(folder)) return null;
        var packages = new List<(string, double)>();
        foreach (var package in Directory.EnumerateFileSystemEntries(folder).Where(path => Package().IsMatch(Path.GetFileName(path)))
            .Order(StringComparer.Ordinal))
        {
            var counter = Path.Combine(package, "energy_uj");
            if (Read(counter) is null || Read(Path.Combine(package, "max_energy_range_uj")) is not { } range) return null;
            packages.Add((counter, range));
        }
        return packages.Count == 0 ? null : new EnergyMeter(packages);
    }

    /// <summary>Joules that all packages drew while <paramref name="work"/> ran; null when a counter could not be read any more.</summary>
    public double? Joules(Action work)
    {
        var before = _packages.Select(package => Read(package.Counter)).ToArray();
        work();
        var microjoules = 0.0;
        foreach (var ((counter, range), start) in _packages.Zip(before))
        {
            if (Read(counter) is not { } end || start is not { } begin) return null;
            // A counter that is smaller than before began again at zero.
            microjoules += end >= begin ? end - begin : end + range - begin;
        }
        return microjoules / 1e6;
    }

    /// <summary>Joules of one inference on the first sample, idle power of the package included; null when it could not be read.</summary>
    public double? PerInference(InferenceSession session, IFeedSource samples, CancellationToken cancellationToken)
    {
        using var feed = samples.Batches(1).First();
        using var options = new RunOptions();
        return PerCall(() => session.Run(options, feed.Names, feed.Values, session.OutputNames).Dispose(), cancellationToken);
    }

    /// <summary>Joules of one call, over enough of them.</summary>
    public double? PerCall(Action call, CancellationToken cancellationToken)
    {
        var calls = 0;
        return Joules(() =>
        {
            for (var began = Stopwatch.GetTimestamp(); calls < LeastCalls || Stopwatch.GetElapsedTime(began) < LeastTime; calls++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                call();
            }
        }) / calls;
    }

    private static double? Read(string path)
    {
        try
        {
            return double.TryParse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                ? value
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // intel-rapl:0 is a package, intel-rapl:0:1 a part of it; AMD's go by the same name.
    [GeneratedRegex("^intel-rapl:[0-9]+$")]
    private static partial Regex Package();
}
