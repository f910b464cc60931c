using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Accuracy;
using Fleet.Quantization.Choice;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Writing;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Variants;

/// <summary>The machine whose figures are claims.</summary>
/// <param name="Facts">What it is.</param>
/// <param name="Energy">Measures energy; null where nothing does.</param>
internal sealed record Machine(DeviceFacts Facts, EnergyMeter? Energy);

/// <summary>What all variants of a model are measured on: the float model, the judge, and one clock for all of them.</summary>
internal sealed class Bench : IDisposable
{
    /// <summary>How often a small model is loaded to be timed.</summary>
    private const int Loads = 5;

    /// <summary>Of models whose calls are no longer, which differ by more from load to load than within one.</summary>
    private static readonly TimeSpan SmallCall = TimeSpan.FromMilliseconds(1);

    private readonly Machine _machine;
    private readonly VariantSettings _settings;
    private readonly string? _sample;
    private readonly Lazy<FalsePositives?> _floatAlarms;
    private Scores? _floatCosts;
    private LeastLoss? _least;
    private bool _hasHopeless;

    /// <summary>Measures the float model.</summary>
    /// <param name="floatFile">The prepared float model.</param>
    /// <param name="model">The same in memory.</param>
    /// <param name="request">What is to be made of it.</param>
    /// <param name="machine">Where this runs.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">The float model does not take the samples, or its outputs cannot be compared.</exception>
    public Bench(string floatFile, ModelProto model, VariantRequest request, Machine machine, CancellationToken cancellationToken)
    {
        (FloatFile, _settings, _machine) = (floatFile, request.Settings, machine);
        var begun = CpuClock.Now(everyThread: false);
        var session = OnnxRuntimeSession.Open(model, floatFile, largest: request.LargestFile);
        Opening = CpuClock.Between(begun, CpuClock.Now(everyThread: false));
        Baseline = Baseline.Measure(floatFile, session, request.HeldOut, cancellationToken, request.Settings.Batch);
        _floatAlarms = new(() => request.Threshold?.Rate(session));
        var sample = Path.Combine(request.OutputFolder, "sample.npz");
        _sample = PeakMemory.WriteSample(request.HeldOut.Samples, sample) ? sample : null;
    }

    /// <summary>The prepared float model.</summary>
    public string FloatFile { get; }

    /// <summary>Processor time that it took to open it.</summary>
    public TimeSpan Opening { get; }

    /// <summary>The float model on the samples that judge.</summary>
    public Baseline Baseline { get; }

    /// <summary>Normal samples that the float model calls anomalies, counted once; null of other tasks.</summary>
    public FalsePositives? FloatAlarms => _floatAlarms.Value;

    /// <summary>Times of variants, each beside the float model.</summary>
    public PairedClock Clock { get; } = new();

    /// <summary>The same on whole batches, where variants are judged on these.</summary>
    public PairedClock BatchClock { get; } = new();

    /// <summary>What variants are chosen to run fast on: samples, or whole batches of them.</summary>
    public IFeedSource Timed => Baseline.Batch > 1 ? new StackedFeeds(Baseline.Samples, Baseline.Batch) : Baseline.Samples;

    /// <summary>What the figure that decides must reach, on the samples that report.</summary>
    public Threshold Required => RequiredOf(Baseline.Original.Figure);

    /// <summary>The largest loss that is accepted, as <see cref="Judged.Loss"/> counts, on the samples that report.</summary>
    public double Limit => LossOf(Required);

    /// <summary>The same on the samples that choose.</summary>
    public double SelectionLimit => LossOf(RequiredOf(Baseline.Selected.Figure));

    /// <summary>
    /// What a model lost of the metric that decides, in its unit; null where that is decibels, which are a distance from the float model
    /// already, and where it could not be measured.
    /// </summary>
    public double? DropOf(Judged told)
        => told.Figure.Name != Metric.SignalToNoise.Name && told.Loss - Baseline.Original.Loss is var lost && double.IsFinite(lost)
            ? lost
            : null;

    /// <summary>Where that loss lies; null where there is none, or too few samples.</summary>
    public MetricInterval? DropIntervalOf(Judged told) => DropOf(told) is null ? null : Baseline.DropOf(told);

    /// <summary>How exactly the figure that decides should be known, in its unit.</summary>
    public double AskedPrecision => Precision.Asked(Baseline.Original.Figure, _settings.MaximumDrop);

    /// <summary>What to say where what is told holds its limit and the interval reaches past it; null where it does not.</summary>
    public string? ReachingPast(Judged told) => DropOf(told) is { } lost
        ? Precision.ReachingPast(lost, DropIntervalOf(told), Limit - Baseline.Original.Loss, told.Figure.Unit, Baseline.Split.Report.Count)
        : Precision.ReachingPast(told.Figure.Value, told.Interval, -Limit, told.Figure.Unit, Baseline.Split.Report.Count);

    /// <summary>What to say where too few samples report to tell a variant's figure as exactly as asked; null where enough do.</summary>
    public string? LackingOf(VariantReport variant)
    {
        var (figure, samples) = (Baseline.Original.Figure, Baseline.Split.Report.Count);
        var asked = AskedPrecision;
        var title = Threshold.Lowered(figure.Title());
        return variant.Drop is not null
            ? Precision.Lacking($"what is lost of {title}", figure.Unit, variant.DropInterval, samples, asked)
            : Precision.Lacking(title, figure.Unit, variant.Intervals.FirstOrDefault(one => one.Name == figure.Name), samples, asked);
    }

    /// <summary>The loss that a variant's scheme tries to reach; the limit where bytes are what counts.</summary>
    public double AimOf(Wanted wanted)
        => Baseline.Original.Figure.Name == Metric.SignalToNoise.Name && wanted.Scheme.Aim is { } decibels && !IsAboutSize(wanted.Profile)
            ? Math.Min(SelectionLimit, -decibels)
            : SelectionLimit;

    /// <summary>True where bytes are what counts.</summary>
    public bool IsAboutSize(HardwareProfile profile) => _settings.Goal == QuantizationGoal.Size
        || BudgetOf(profile).MaximumBytes is not null;

    /// <summary>What every variant for a profile must keep within.</summary>
    public ProfileBudget BudgetOf(HardwareProfile profile) => VariantChoice.Tighter(_settings.Budget, profile.Budget);

    /// <summary>True when this machine is of the profile: figures taken here are then claims about it.</summary>
    public bool IsHere(HardwareProfile profile) => profile.Matches(_machine.Facts);

    /// <summary>
    /// What the runtime is told when this machine judges a variant: of its own profile what a device is told, of another's that nothing may
    /// saturate here that does not there.
    /// </summary>
    public RuntimeSettings SettingsOf(Wanted wanted)
    {
        var settings = wanted.Scheme.Runtime(wanted.Profile.Runtime).On(_machine.Facts.IsaFlags);
        return IsHere(wanted.Profile) || wanted.Scheme.IsAlikeEverywhere ? settings : settings.Exact(_machine.Facts.IsaFlags);
    }

    /// <summary>The same as text: profiles that agree in it share a scheme's model.</summary>
    public string SettingsTextOf(Wanted wanted)
    {
        var here = SettingsOf(wanted);
        return string.Create(CultureInfo.InvariantCulture, $"{here.EntriesText()} {here.IntraOpThreads}");
    }

    /// <summary>Compares a model with the float one on the samples that choose.</summary>
    public Judged Compare(ModelProto model, string name, RuntimeSettings settings, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(model, name, settings);
        return Baseline.Compare(session, cancellationToken);
    }

    /// <summary>Compares a model with the float one on the samples that report.</summary>
    public Judged Tell(ModelProto model, string name, RuntimeSettings settings, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(model, name, settings);
        return Baseline.Tell(session, cancellationToken);
    }

    /// <summary>What is lost where nothing but weights is rounded, and to 16 bits; found once.</summary>
    public LeastLoss LeastLoss(PreparedModel of, CancellationToken cancellationToken)
    {
        if (_least is not null) return _least;
        var model = KeptWeights.Stored(of.Model, new HashSet<string>());
        using var session = OnnxRuntimeSession.Open(model, "the model with weights of 16 bits");
        return _least = new LeastLoss(
            Baseline.Compare(session, cancellationToken).Loss, Baseline.Tell(session, cancellationToken).Loss > Limit);
    }

    /// <summary>
    /// True for whoever asks first. A model that cannot be good enough rounded to 16 bits fails every scheme for one reason, which is told
    /// once: to rank the layers for each of them took a half of what the whole command did.
    /// </summary>
    public bool IsFirstHopeless() => !_hasHopeless && (_hasHopeless = true);

    /// <summary>What others in a batch cost a sample of a model; null where that cannot be told.</summary>
    public BatchMates? MatesOf(ModelProto model, string name, RuntimeSettings settings, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(model, name, settings);
        return BatchMates.Measure(Baseline.Session, session, new PickedFeeds(Baseline.Samples, Baseline.Split.Report), cancellationToken);
    }

    /// <summary>Times a variant beside the float model, and takes what else running on this machine costs.</summary>
    public Scores Measured(string id, string file, RuntimeSettings settings, Scores scores, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(file, settings);
        Clock.Add(id, TimedOnce(session, file, settings, cancellationToken));
        if (Baseline.Batch > 1)
            BatchClock.Add(id, LatencyRun.Pair(
                Baseline.Session, session, Timed, everyThread: settings.IntraOpThreads > 1, _settings.Effort.Pairs, cancellationToken));
        MeasureFloat(cancellationToken);
        return WithCosts(scores, file, session, settings, cancellationToken);
    }

    /// <summary>Times a file beside the float model.</summary>
    public void Time(string id, string file, RuntimeSettings settings, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(file, settings);
        Clock.Add(id, TimedOnce(session, file, settings, cancellationToken));
    }

    /// <summary>The figures with what else running a file costs on this machine.</summary>
    public Scores CostsOf(Scores scores, string file, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(file, OnnxRuntimeSession.Plain);
        return WithCosts(scores, file, session, OnnxRuntimeSession.Plain, cancellationToken);
    }

    /// <summary>A variant in ONNX Runtime as it is when nothing is set, beside what was told of it.</summary>
    /// <param name="variant">The variant.</param>
    /// <param name="file">Its file.</param>
    /// <param name="needed">What its file names that it needs.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <returns>A sentence; null where nothing was set for it here that it needs.</returns>
    public string? PlainOf(VariantReport variant, string file, NeededSettings needed, CancellationToken cancellationToken)
    {
        if (PlainRuntime.NeededOf(variant.Runtime.On(_machine.Facts.IsaFlags), needed) is not { Count: > 0 } settings
            || Clock.SpeedOf(variant.Id) is not { } told || variant.Closeness is not { } close)
            return null;
        try
        {
            using var session = OnnxRuntimeSession.Open(file, OnnxRuntimeSession.Plain);
            var plain = Baseline.TimeAgainst(session, everyThread: false, _settings.Effort.Pairs, cancellationToken).Speed;
            return PlainRuntime.Measured(settings, told.Value / plain.Value, close.SignalToNoise,
                Baseline.Tell(session, cancellationToken).Closeness.SignalToNoise);
        }
        catch (InvalidDataException)
        {
            return PlainRuntime.Measured(settings, null, 0, 0);
        }
    }

    /// <summary>Writes a variant of this machine in ORT format as well, and says what came of it.</summary>
    public string WriteOrt(RuntimeSettings runtime, string file, CancellationToken cancellationToken)
        => OrtFormat.Write(file, runtime.On(_machine.Facts.IsaFlags), Baseline.Samples, cancellationToken);

    /// <summary>The float model's figures; its time where it ran on a profile of this machine.</summary>
    public Scores Float(bool here, CancellationToken cancellationToken)
    {
        var unmeasured = new Scores { Metrics = Baseline.Original.Figures, Samples = Baseline.Split.Report.Count };
        if (!here) return unmeasured;
        if (Clock.Float is null) Clock.AddFloat(LatencyRun.Measure([Baseline.Session], Baseline.Samples, cancellationToken)[0]);
        MeasureFloat(cancellationToken);
        return WithTime(unmeasured with { PeakMemoryBytes = _floatCosts!.PeakMemoryBytes, EnergyJoules = _floatCosts.EnergyJoules },
            Clock.Float);
    }

    /// <summary>The figures with a time, which stands in front of what else running costs.</summary>
    public static Scores WithTime(Scores scores, LatencySummary? latency)
        => scores with { Latency = latency, PeakMemoryBytes = scores.PeakMemoryBytes, EnergyJoules = scores.EnergyJoules };

    /// <inheritdoc/>
    public void Dispose()
    {
        Baseline.Dispose();
        if (_sample is not null) File.Delete(_sample);
    }

    /// <summary>A variant beside the float model; small models are loaded anew a few times, since where they lie decides as well.</summary>
    private TimedPair TimedOnce(InferenceSession session, string file, RuntimeSettings settings, CancellationToken cancellationToken)
    {
        var (everyThread, time) = (settings.IntraOpThreads > 1, _settings.Effort.Pairs);
        var first = Baseline.TimeAgainst(session, everyThread, time, cancellationToken);
        if (first.Float.P50 > SmallCall) return first;
        List<RelativeSpeed> loads = [first.Speed];
        while (loads.Count < Loads)
        {
            using var original = OnnxRuntimeSession.Open(FloatFile);
            using var variant = OnnxRuntimeSession.Open(file, settings);
            loads.Add(LatencyRun.Pair(original, variant, Baseline.Samples, everyThread, time.OfOne(Loads), cancellationToken).Speed);
        }
        return first with { Speed = RelativeSpeed.OfLoads(loads) };
    }

    private Threshold RequiredOf(MetricValue ofFloat)
        => ofFloat.Name == Metric.SignalToNoise.Name ? Threshold.Of(Metric.SignalToNoise, _settings.MinimumSignalToNoise)
            : ofFloat.Name == Metric.BoxAgreement.Name ? Threshold.Of(Metric.BoxAgreement, _settings.MinimumBoxAgreement)
            : Threshold.Allowing(ofFloat, _settings.MaximumDrop);

    private static double LossOf(Threshold required) => required is { Minimum: { } least } ? -least : required.Maximum!.Value;

    private void MeasureFloat(CancellationToken cancellationToken)
        => _floatCosts ??= WithCosts(new Scores(), FloatFile, Baseline.Session, OnnxRuntimeSession.Plain, cancellationToken);

    private Scores WithCosts(
        Scores scores, string file, InferenceSession session, RuntimeSettings settings, CancellationToken cancellationToken) => scores with
        {
            PeakMemoryBytes = _sample is { } sample ? PeakMemory.Of(file, sample, settings) : null,
            EnergyJoules = _machine.Energy?.PerInference(session, Baseline.Samples, cancellationToken),
        };
}
