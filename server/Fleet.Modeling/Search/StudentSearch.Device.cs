using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Students;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;

namespace Fleet.Modeling.Search;

/// <summary>The part that has the device which the spec names time students in place of this machine.</summary>
internal sealed partial class StudentSearch
{
    /// <summary>Width of the networks that tell how fast the device is, before it is known which are worth trying.</summary>
    private const int ProbeWidth = 16;

    /// <summary>Networks that tell it: of different families, since none is as much slower as another.</summary>
    private const int Probes = 2;

    /// <summary>Whose 8-bit form is measured.</summary>
    private readonly HardwareProfile _profile = profiles.FirstOrDefault(profile => profile.Matches(ThisMachine.Facts)) ?? profiles[0];

    private DeviceTimes? _device;

    /// <summary>The largest limit of a budget.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    /// <summary>The budget as this machine's time: what the spec allows is the device's, which takes so many times as long.</summary>
    private StudentBudget? BudgetHere(double factor) => spec.Student!.Budget is { } budget
        ? budget with { Device = null, MaximumLatencyP95 = budget.MaximumLatencyP95 / factor } : null;

    /// <summary>Asks the device for a first time, which tells how much of a network it has time for.</summary>
    private void Probe(Progress progress, CancellationToken cancellationToken)
    {
        if (spec.Student!.Budget is not { MaximumLatencyP95: not null, Device: { } device }) return;
        _device = new DeviceTimes(device, timer, _profile, _data, folder, memory);
        if (!_device.CanAsk) return;
        progress.Report(0, $"asking {device} how fast it is");
        var probes = new List<Candidate>();
        foreach (var family in SearchSpace.FamiliesFor(data, onGrid: spec.QuantizationAware is not null).Where(one => one != "linear"))
        {
            var student = new StudentSpec
            {
                Family = family,
                Width = ProbeWidth,
                Depth = SearchSpace.DepthsOf(family)[0],
                Budget = new StudentBudget { MaximumLatencyP95 = Longest },
            };
            try
            {
                var view = _data.Of(family);
                var trial = WidthSearch.Measure(
                    student, ProbeWidth, _profile, view.Data, view.Normalization, folder, cancellationToken);
                probes.Add(new Candidate(
                    student, _training, "none", new CandidateCost(trial.Parameters, 0, 0, trial.Bytes, trial.LatencyP95)));
            }
            catch (BuildException)
            {
                // Said when the family is measured.
            }
            if (probes.Count == Probes) break;
        }
        _device.Ask(probes, cancellationToken);
    }

    /// <summary>The field of the last round: the best of the round before, but for what its device found too slow.</summary>
    private Candidate[] Finalists(
        IReadOnlyList<Candidate> ranked, int count, Progress progress, CancellationToken cancellationToken)
    {
        if (_device is not { } device) return [.. ranked.Take(count)];
        Candidate[] Field() => [.. ranked.Where(candidate => !IsTooSlow(candidate)).Take(count)];
        if (device.CanAsk) progress.Report(0, $"asking {spec.Student!.Budget?.Device} to time the finalists");
        // Once for the best, and once for those that come in place of what is too slow.
        device.Ask(Field(), cancellationToken);
        device.Ask(Field(), cancellationToken);
        if (Field() is { Length: > 0 } field) return field;
        var fastest = ranked.MinBy(candidate => device.Of(candidate)!.Latency.P95)!;
        _notes.Add($"Nothing that {spec.Student!.Budget!.Device} timed is within the budget there, a tenth being kept in reserve: the "
            + "fastest is built. Raise student.budget.maximumLatencyP95, or lower maximumBytes.");
        return [fastest];
    }

    private bool IsTooSlow(Candidate candidate)
        => _device!.Of(candidate)?.Latency.P95 * (1 + WidthSearch.Reserve) > spec.Student!.Budget!.MaximumLatencyP95;

    /// <summary>A trial as the report tells it: with the device's time, or with what that is estimated to be.</summary>
    private SearchTrial Told(string key, SearchTrial trial) => _device is not { } device ? trial : trial with
    {
        Timed = device.Of(_entered[key]),
        LatencyP95 = device.Of(_entered[key])?.Latency.P95 ?? trial.LatencyP95 * device.Factor,
    };
}
