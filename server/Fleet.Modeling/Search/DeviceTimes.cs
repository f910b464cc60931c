using System.Globalization;
using System.Text.Json.Serialization;
using Fleet.Contracts;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Trust;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Training;
using Fleet.Quantization;

namespace Fleet.Modeling.Search;

/// <summary>
/// What the device that a spec names took for students, untrained, in the files that their costs are of. It is asked a few times at most;
/// where it does not answer, what this machine measured stands, and a note says so.
/// </summary>
/// <param name="device">The device.</param>
/// <param name="timer">Asks it; null where there is no server to ask it through.</param>
/// <param name="profile">In whose form students are made.</param>
/// <param name="samples">The data in the shape of each family.</param>
/// <param name="folder">For the files.</param>
/// <param name="memory">Keeps what was answered, and that nothing was.</param>
internal sealed class DeviceTimes(
    string device, DeviceTimer? timer, HardwareProfile profile, FamilyData samples, string folder, BuildMemory memory)
{
    /// <summary>Students that are timed at once, and how often more are asked for.</summary>
    public const int AtOnce = 3, Asks = 3;

    /// <summary>Samples that a student is run on: their number does not matter, their values may.</summary>
    private const int Samples = 16;

    /// <summary>A device that is slower or faster than this by comparison has measured something else.</summary>
    private const double LargestFactor = 64;

    /// <summary>What is written of a student: its two forms, and what they are run on.</summary>
    private static readonly string[] FileNames = ["fp32.onnx", "int8.onnx", "inputs.npz"];

    private readonly Dictionary<string, Timed> _known = [];
    private int _asked;
    private string? _problem = timer is null ? $"This build has no server through which {device} could be asked to time students." : null;

    /// <summary>False when it is not asked any more, or never could be.</summary>
    public bool CanAsk => _problem is null && _asked < Asks;

    /// <summary>True when it has timed anything.</summary>
    public bool HasAnswered => _known.Count > 0;

    /// <summary>What the device took for a student; null where it did not time it.</summary>
    public DeviceTime? Of(Candidate candidate) => _known.TryGetValue(candidate.Network, out var known) ? known.Time : null;

    /// <summary>How many times as long as here students take on the device, the median; 1 where nothing is known.</summary>
    public double Factor
    {
        get
        {
            double[] ratios = [.. _known.Values.Select(known => known.Ratio).Order()];
            return ratios.Length == 0 ? 1 : (ratios[(ratios.Length - 1) / 2] + ratios[ratios.Length / 2]) / 2;
        }
    }

    /// <summary>The same of one student, by its own time where there is one.</summary>
    public double FactorOf(Candidate candidate) => _known.TryGetValue(candidate.Network, out var known) ? known.Ratio : Factor;

    /// <summary>What it came to, in a sentence.</summary>
    public string Note()
    {
        var problem = _problem is null ? "" : $"{_problem} ";
        if (!HasAnswered) return $"{problem}Latency is that of the machine that built, not of {device}.";
        var timed = string.Join("; ", _known.Values.Select(known => $"{known.Name} p95 {Milliseconds(known.Time.Latency.P95)} ms (median "
            + $"{Milliseconds(known.Time.Latency.P50)}, processor {Milliseconds(known.Time.ProcessorTime)})"));
        return $"Timed on {device}: {timed}. {problem}Other times are those of the machine that built, multiplied by "
            + $"{Factor.ToString("0.##", CultureInfo.InvariantCulture)}.";
    }

    private static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString("0.000", CultureInfo.InvariantCulture);

    /// <summary>Has the device time students that it has not timed yet, as long as it answers.</summary>
    /// <param name="candidates">The students, whose costs name a latency; at most <see cref="AtOnce"/> of them are timed.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public void Ask(IEnumerable<Candidate> candidates, CancellationToken cancellationToken)
    {
        Candidate[] asked = [
            .. candidates.DistinctBy(candidate => candidate.Network)
                .Where(candidate => !_known.ContainsKey(candidate.Network)).Take(AtOnce),
        ];
        if (asked.Length == 0 || !CanAsk) return;
        var name = $"device-times-{++_asked}";
        var answer = memory.Finished<Answer>(name);
        if (answer is null)
        {
            answer = Asked(asked, cancellationToken);
            memory.Finish(name, answer);
        }
        foreach (var timed in answer.Timed) _known[timed.Network] = timed;
        _problem = answer.Problem;
    }

    private Answer Asked(Candidate[] candidates, CancellationToken cancellationToken)
    {
        try
        {
            var files = candidates.Select(candidate => FileOf(candidate, cancellationToken)).ToArray();
            if (files.Select(file => file.File.Problem()).OfType<string>().FirstOrDefault() is { } problem) return new Answer([], problem);
            var view = timer!(files, cancellationToken);
            var timed = new List<Timed>();
            foreach (var (candidate, file) in candidates.Zip(files))
            {
                if (view.Timings.FirstOrDefault(timing => timing.Sha256 == file.File.Model.Sha256) is { Latency: { } latency } timing)
                    timed.Add(new Timed(
                        candidate.Network, candidate.Name, new DeviceTime(device, latency, timing.ProcessorTime ?? TimeSpan.Zero),
                        candidate.Cost.LatencyP95!.Value));
            }
            // Neither budget nor students follow from what cannot be the time of the same file.
            if (timed.FirstOrDefault(one => one.Ratio is < 1 / LargestFactor or > LargestFactor) is { } other)
                return new Answer([], $"{device} took {Milliseconds(other.Time.Latency.P95)} ms (p95) for {other.Name}, and the machine "
                    + $"that built {Milliseconds(other.Here)} ms: what differs by more than {LargestFactor} times is not used.");
            return new Answer([.. timed], view.Problem ?? view.Timings.Select(timing => timing.Problem).OfType<string>()
                .Select(reason => $"{device} did not time everything: {reason}").FirstOrDefault());
        }
        finally
        {
            foreach (var path in candidates.SelectMany(candidate => FileNames.Select(name => PathOf(candidate, name)))) File.Delete(path);
        }
    }

    private string PathOf(Candidate candidate, string name) => Path.Combine(folder, $"{candidate.Network}-{name}");

    private LocalTimedFile FileOf(Candidate candidate, CancellationToken cancellationToken)
    {
        var view = samples.Of(candidate.Student.Family);
        string[] paths = [.. FileNames.Select(name => PathOf(candidate, name))];
        var (floats, integers, inputs) = (paths[0], paths[1], paths[2]);
        WidthSearch.Write(
            candidate.Student, candidate.Student.Width.Value, profile, view.Data, view.Normalization, folder, floats, integers,
            cancellationToken);
        // Where the float file alone is fast enough the cost is of that.
        var model = new FileInfo(floats).Length == candidate.Cost.Bytes ? floats : integers;
        var given = view.Data.Training.Given();
        var few = (int)Math.Clamp(Limits.TimedFileBytes / (16L + 8 * given.Take(1).Inputs.Length) - 1, 1, Samples);
        ValidationSet.WriteInputs(inputs, StudentExport.Input, given.Take(few));
        return new LocalTimedFile(
            new TimedFile(Artifacts.Reference(model), Artifacts.Reference(inputs), profile.Runtime), model, inputs);
    }

    /// <param name="Timed">What was timed.</param>
    /// <param name="Problem">Why not everything was; null where it was.</param>
    private sealed record Answer(Timed[] Timed, string? Problem);

    /// <param name="Network">The student, in a word for files.</param>
    /// <param name="Name">The student, for people.</param>
    /// <param name="Time">What the device took.</param>
    /// <param name="Here">p95 on this machine.</param>
    private sealed record Timed(string Network, string Name, DeviceTime Time, TimeSpan Here)
    {
        /// <summary>How many times as long as here it takes there.</summary>
        [JsonIgnore] public double Ratio => Time.Latency.P95 / Here;
    }
}
