using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Validation;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Variants;

/// <summary>The variants of a model and what was measured of the float model beside them.</summary>
/// <param name="Original">The float model.</param>
/// <param name="Variants">Every variant tried, the rejected ones included; the float model among them where it is the choice.</param>
/// <param name="Measure">Name of the metric that they were judged by.</param>
internal sealed record MadeVariants(Scores Original, IReadOnlyList<VariantReport> Variants, string Measure)
{
    /// <summary>How many samples chose, and how many reported.</summary>
    public required SampleParts Parts { get; init; }

    /// <summary>Where the float model's figures lie.</summary>
    public IReadOnlyList<MetricInterval> Intervals { get; init; } = [];

    /// <summary>How long the whole was expected to take, before the search began.</summary>
    public TimeSpan Expected { get; init; }

    /// <summary>What was decided for each variant that was made.</summary>
    public IReadOnlyList<VariantRecipe> Recipes { get; init; } = [];
}

/// <summary>
/// Makes the variants of a float model for every profile, of a student as of a model of one's own: each scheme with accuracy
/// control, judged by the metric of its task or, without labels, by closeness to the float model, checked for real fusion, timed
/// against the float model where the profile is this machine's; then one is chosen for each profile. A variant that cannot be made
/// or misses its budget is reported as rejected with the reason; a profile for which nothing is good gets the float model itself.
/// </summary>
/// <param name="machine">The machine whose latencies are claims; this one when left out.</param>
/// <param name="energy">Measures energy; this machine's meter when left out.</param>
internal sealed class VariantMaker(DeviceFacts? machine = null, EnergyMeter? energy = null)
{
    /// <summary>Scheme of a variant that is the float model itself.</summary>
    public const string FloatScheme = "fp32";

    /// <summary>Name of that variant for a profile.</summary>
    public static string FloatIdOf(HardwareProfile profile) => $"{profile.Name}-{FloatScheme}";

    /// <summary>Samples on which the prepared model must answer as the given one.</summary>
    private const int ConfirmingSamples = 4;

    /// <summary>Folding changes the order of sums, which stays above this; a wrong rewrite falls far below it.</summary>
    private const double SmallestPreparedSignalToNoise = 60;

    /// <summary>Most samples in one run while ranges are taken.</summary>
    private const int CalibrationBatch = 32;

    /// <summary>Share of the work that is done before the first variant is made.</summary>
    private const double Prepared = 0.2;

    private readonly Machine _machine = new(machine ?? ThisMachine.Facts, energy ?? EnergyMeter.OfThisMachine);

    /// <summary>Makes all variants.</summary>
    /// <param name="request">The model, its samples, and what is wanted.</param>
    /// <param name="progress">Told each step, with the share of this work from 0 to 1.</param>
    /// <param name="cancellationToken">Stops between runs of a model.</param>
    /// <exception cref="InvalidDataException">The float model itself cannot be used, or does not take the samples.</exception>
    public MadeVariants Make(VariantRequest request, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(request.OutputFolder);
        progress.Report(new BuildProgress("Preparing the model", 0));
        var model = Raised(PreparedModel.From(request.ModelPath, request.OutputFolder, request.LargestFile), request.Settings.Opset);
        var floatFile = Path.Combine(request.OutputFolder, FloatScheme + ".onnx");
        try
        {
            using var mapped = new MappedWeights(model.Model, Path.Combine(request.OutputFolder, "weights.mapped"));
            // Types of values in between are inferred again at load.
            var stored = StoredOnce.Of(model.Model).Clone();
            stored.Graph.ValueInfo.Clear();
            OnnxFile.Save(stored, floatFile, request.LargestFile);
            using var bench = new Bench(floatFile, stored, request, _machine, cancellationToken);
            Confirm(request.ModelPath, bench.Baseline, cancellationToken);
            return Make(model, bench, request, progress, cancellationToken);
        }
        finally
        {
            OnnxFile.Delete(floatFile);
        }
    }

    /// <summary>The model in the operator set that is asked for.</summary>
    private static PreparedModel Raised(PreparedModel model, int? opset)
    {
        if (opset is not { } target) return model;
        if (model.Model.StandardVersion() is var version && version > target)
            throw new InvalidDataException($"The model is written in operator set {version}, and one is raised, never lowered, to that of "
                + $"--opset {target} (in a build spec quantization.opset); ask for {version} to {LaterOpset.Newest}, or leave it out.");
        LaterOpset.Raise(model.Model, target);
        return new PreparedModel(model.Model);
    }

    private static MadeVariants Make(
        PreparedModel model, Bench bench, VariantRequest request, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        var layers = NamedLayers.In(model.Graph, request.Settings.Keep, request.Settings.Only);
        var unreached = UnreachedBranch.Of(
            model.Model, new PickedFeeds(bench.Baseline.Samples, request.HeldOut.Judging), cancellationToken);
        // Profiles that share a scheme share what holds it back.
        var held = new Dictionary<IQuantizationScheme, IQuantizationScheme>();
        IQuantizationScheme Held(IQuantizationScheme scheme)
            => held.TryGetValue(scheme, out var known) ? known
                : held[scheme] = HeldScheme.Of(scheme, model.Graph, layers, unreached);
        Wanted[] all = [
            .. Wanted.Of(request.Settings).Where(one => request.Settings.Schemes.Count > 0 || one.Scheme.Suits(model.Graph)),
        ];
        request.Fixed?.RefuseOthersThan([.. all.Select(one => one.Id), .. request.Settings.Profiles.Select(FloatIdOf)]);
        Wanted[] wanted = [
            .. all.Where(one => request.Fixed?.Holds(one.Id) != false).Select(one => one with { Scheme = Held(one.Scheme) }),
        ];
        Wanted[][] groups = [
            .. wanted.GroupBy(one => (one.Scheme, Settings: bench.SettingsTextOf(one), Aim: bench.AimOf(one)))
                .Select(alike => alike.ToArray()),
        ];
        var left = Expected(model, groups, bench, request, cancellationToken);
        var expected = request.Deadline.Elapsed + left.After(0);
        progress.Report(new BuildProgress($"Calibrating ({TimeLeft.About(left.After(0))} left)", 0.05));
        var source = Calibrated(model, wanted, bench, request, cancellationToken) with { Unreached = unreached };

        var tried = new Dictionary<string, Attempted>();
        IEnumerable<Attempted> SameProfile(Wanted one)
            => wanted.Where(other => other.Profile == one.Profile && tried.ContainsKey(other.Id)).Select(other => tried[other.Id]);
        foreach (var alike in groups)
        {
            var attempts = new Attempts(bench, source, request, cancellationToken);
            foreach (var one in alike)
            {
                double Share(int done) => Prepared + (1 - Prepared) * done / wanted.Length;
                var steps = 1 + tried.Count;
                tried[one.Id] = attempts.Make(one, SameProfile(one), new Progress(progress,
                    () => $"Making {one.Id} ({TimeLeft.About(left.After(steps))} left)", Share(tried.Count), Share(tried.Count + 1)));
            }
        }
        (Shortlist List, Attempted[] Tried)[] lists = [
            .. request.Settings.Profiles.Select(profile => (new Shortlist(profile, bench, request, cancellationToken),
                wanted.Where(one => one.Profile == profile).Select(one => tried[one.Id]).ToArray())),
        ];
        foreach (var (list, made) in lists) list.TimeOthers(made);
        VariantReport[] reports = [.. lists.SelectMany(one => one.List.Choose(one.Tried))];
        progress.Report(new BuildProgress("Variants made", 1));
        return new MadeVariants(bench.Float(request.Settings.Profiles.Any(bench.IsHere), cancellationToken), reports,
            bench.Baseline.Original.Figure.Name)
        {
            Parts = new SampleParts(bench.Baseline.Split.Selection.Count, bench.Baseline.Split.Report.Count)
            {
                Shared = !bench.Baseline.Split.IsHeldOut,
            },
            Expected = expected,
            Intervals = bench.Baseline.Original.Intervals,
            Recipes = [.. reports.Select(report => RecipeOf(report, tried, source)).OfType<VariantRecipe>()],
        };
    }

    /// <summary>How long calibration and each variant after it will take.</summary>
    private static TimeLeft Expected(
        PreparedModel model, Wanted[][] groups, Bench bench, VariantRequest request, CancellationToken cancellationToken)
    {
        var (split, effort) = (bench.Baseline.Split, request.Settings.Effort);
        var size = new SearchSize(FloatPace.Measure(bench, model.Model, cancellationToken), split.Selection.Count,
            split.Report.Count, Math.Min(split.Selection.Count, Attempts.RankingSamplesOf(bench, effort)), request.Calibration?.Count ?? 0)
        {
            Batch = bench.Baseline.Batch,
            IsFixed = request.Fixed is not null,
            IsHopeless = request.Fixed is null && !effort.TriesTheHopeless && IsHopeless(model, bench, cancellationToken),
        };
        var time = new SearchTime(size, effort, model.Graph);
        List<TimeSpan> expected = [time.Calibration];
        foreach (var alike in groups)
        {
            var search = time.SearchOf(alike[0].Scheme);
            foreach (var one in alike)
            {
                expected.Add(Attempts.LeavesOut(one, bench, request) ? TimeSpan.Zero
                    : search + time.Telling + (bench.IsHere(one.Profile) ? time.Timing : TimeSpan.Zero));
                search = TimeSpan.Zero;
            }
        }
        var others = groups.Sum(alike => alike.Count(one => !bench.IsHere(one.Profile)))
            + request.Settings.Profiles.Count(profile => !bench.IsHere(profile));
        return new TimeLeft(expected, others * time.Counting, request.Deadline);
    }

    /// <summary>True where even weights of 16 bits lose too much, which decides how much is searched for.</summary>
    private static bool IsHopeless(PreparedModel model, Bench bench, CancellationToken cancellationToken)
    {
        try
        {
            return bench.LeastLoss(model, cancellationToken).IsMoreThan(bench.SelectionLimit);
        }
        catch (Exception e) when (e is InvalidDataException or OnnxRuntimeException)
        {
            // A variant that comes to ask for it says what is wrong with it.
            return false;
        }
    }

    /// <summary>What was decided for a variant; null for one that could not be made.</summary>
    private static VariantRecipe? RecipeOf(VariantReport report, Dictionary<string, Attempted> tried, QuantizationSource source)
        => report.Artifact is not { } file ? null
            : (tried.GetValueOrDefault(report.Id)?.Recipe
                ?? new VariantRecipe { Id = report.Id, Calibrator = source.Calibrator.Name, Sha256 = file.Sha256 }) with
            {
                DataSha256 = report.Data?.Sha256,
                Chosen = report.Chosen,
            };

    private static QuantizationSource Calibrated(
        PreparedModel model, Wanted[] wanted, Bench bench, VariantRequest request, CancellationToken cancellationToken)
    {
        var batch = Math.Min(CalibrationBatch, bench.Baseline.BatchSize);
        string[] values = [.. wanted.SelectMany(one => one.Scheme.CalibratedValues(model.Graph)).Distinct()];
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, request.Deadline.Token);
        // Where time is up before all samples were counted no variant begins, so that nobody misses the ranges.
        var histograms = request.Calibration is null ? null : request.Deadline.Within(
            () => CalibrationRun.Count(model.Model, values, request.Calibration, batch, limited.Token), cancellationToken);
        return new QuantizationSource(model, histograms ?? new Dictionary<string, Histogram>(), request.Settings.Calibrator)
        {
            Samples = request.Calibration,
            TechniqueSamples = request.Settings.Effort.TechniqueSamples,
            BatchSize = batch,
            Cancellation = cancellationToken,
            Schemes = [.. wanted.Select(one => one.Scheme).Distinct()],
        };
    }

    /// <summary>
    /// Shows that the prepared model, which everything is compared with, timed against and shipped as the float model, answers as
    /// the given one. It is the fair reference and the better file: one that lists its weights as inputs runs at a third of its speed.
    /// </summary>
    private static void Confirm(string given, Baseline prepared, CancellationToken cancellationToken)
    {
        var few = new FirstFeeds(prepared.Samples, ConfirmingSamples);
        using var original = OnnxRuntimeSession.Open(given);
        double Closeness(InferenceSession one, InferenceSession other)
            => AllOutputs.Of(one, few, cancellationToken).Against(AllOutputs.Of(other, few, cancellationToken)).SignalToNoise;
        if (Closeness(prepared.Session, original) is var decibels && decibels >= SmallestPreparedSignalToNoise) return;
        throw Closeness(original, original) < SmallestPreparedSignalToNoise
            ? new InvalidDataException(
                $"{Path.GetFileName(given)} answers the same samples differently each time, as models do that draw random numbers; "
                    + "variants could not be compared with it. Export it for inference.")
            : new InvalidDataException(
                string.Create(CultureInfo.InvariantCulture,
                    $"{Path.GetFileName(given)} answers differently once its constants are folded ({decibels:0.0} dB of signal to noise); "
                        + $"quantized files would be judged by the wrong model. Export it again with a newer operator set."));
    }
}
