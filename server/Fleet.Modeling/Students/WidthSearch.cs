using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students.Layers;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Variants;

namespace Fleet.Modeling.Students;

/// <summary>What one file of an untrained network costs.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="LatencyP95">95th percentile of one inference.</param>
internal sealed record FileCost(long Bytes, TimeSpan LatencyP95);

/// <summary>
/// Finds the largest width of a family that meets a budget. Size and latency do not depend on what a network has learned: each
/// width is exported untrained, quantized and measured. Both grow with the width, so the widths are doubled until one is too
/// much and the gap is then halved: nothing much larger than the answer is ever made.
/// </summary>
internal static class WidthSearch
{
    /// <summary>Ranges of an untrained network decide nothing; a few samples give some.</summary>
    private const int CalibrationSamples = 32;

    /// <summary>
    /// A file is timed anew when it is trained and made, and may not be chosen where it is beyond the budget then: so much of the time is
    /// kept for what two timings differ by. A tenth, as the message says.
    /// </summary>
    public const double Reserve = 0.1;

    /// <summary>
    /// Bytes that are kept for what a trained file has more than an untrained one: two equal scales are stored once, and may be equal by
    /// chance. Of seven families it was 37 bytes at most.
    /// </summary>
    private const int ReservedBytes = 64;

    /// <summary>How often what is too slow is timed: whatever else runs on a machine makes a model slower, never faster.</summary>
    private const int Looks = 3;

    /// <summary>A threshold that none is longer than in words.</summary>
    private const float LongThreshold = 1.2345679E-05f;

    /// <summary>Too small for the exponents of 16 bits.</summary>
    private const float Tiny = 1e-5f;

    private static readonly PairTime Look = new(TimeSpan.FromSeconds(0.05), TimeSpan.FromSeconds(0.05), 1);

    /// <summary>Largest width that is tried.</summary>
    public const int Largest = 1024;

    /// <summary>
    /// Widths are multiples of this: an encoder's heads need 16. Vector instructions take 4 channels as fast as 3, but bytes count each.
    /// </summary>
    private static int StepOf(string family, StudentBudget budget)
        => family == "encoder" ? 16 : budget.MaximumLatencyP95 is null ? 1 : 4;

    /// <summary>The first width that is tried where the step is less.</summary>
    public const int Smallest = 4;

    /// <summary>Searches.</summary>
    /// <param name="student">Family, depth and budget.</param>
    /// <param name="profile">Whose 8-bit form is measured.</param>
    /// <param name="data">Samples.</param>
    /// <param name="normalization">First step of the student.</param>
    /// <param name="workFolder">For scratch files.</param>
    /// <param name="report">Told each width that was tried.</param>
    /// <param name="cancellationToken">Honoured between runs of a model.</param>
    /// <param name="make">Makes the file that counts of a float file; null for the 8-bit one.</param>
    /// <returns>Every width that was tried, in order; the largest that fits is the answer.</returns>
    /// <exception cref="BuildException">Not even the smallest fits.</exception>
    public static IReadOnlyList<WidthTrial> Find(
        StudentSpec student, HardwareProfile profile, DataSet data, Normalization normalization, string workFolder,
        Action<WidthTrial> report, CancellationToken cancellationToken, Func<string, ModelProto>? make = null)
    {
        var step = StepOf(student.Family, student.Budget!);
        var tried = new List<WidthTrial>();
        bool Fits(int steps)
        {
            tried.Add(Measure(student, steps * step, profile, data, normalization, workFolder, cancellationToken, make));
            report(tried[^1]);
            return tried[^1].Fits;
        }
        var most = Largest / step;
        var (fits, fails) = (0, most + 1);
        for (var next = Math.Max(1, Smallest / step); fails > most && fits < most; next = Math.Min(2 * next, most))
        {
            if (Fits(next)) fits = next;
            else fails = next;
        }
        while (fails - fits > 1)
        {
            var middle = (fits + fails) / 2;
            if (Fits(middle)) fits = middle;
            else fails = middle;
        }
        return fits > 0
            ? tried
            : throw new BuildException(
                $"No width of family '{student.Family}' meets student.budget: the smallest, {Text(tried[^1])}. Raise the budget or choose "
                    + $"another family. Of the budget {Reserved(student.Budget!)} kept in reserve.");
    }

    /// <summary>What of a budget is kept in reserve, with its verb.</summary>
    public static string Reserved(StudentBudget budget) => (budget.MaximumBytes, budget.MaximumLatencyP95) switch
    {
        (not null, not null) => $"{ReservedBytes} bytes and a tenth of the time are",
        (not null, null) => $"{ReservedBytes} bytes are",
        _ => "a tenth of the time is",
    };

    /// <summary>What a trial showed, for people.</summary>
    public static string Text(WidthTrial trial) => string.Create(CultureInfo.InvariantCulture,
        $"{trial.Width}, makes {trial.Bytes} "
            + $"bytes{(trial.LatencyP95 is { } latency ? $" and takes {latency.TotalMilliseconds:0.000} ms (p95)" : "")}");

    /// <summary>What a width costs, and whether that is within the budget, if there is one.</summary>
    public static WidthTrial Measure(
        StudentSpec student, int width, HardwareProfile profile, DataSet data, Normalization normalization, string workFolder,
        CancellationToken cancellationToken, Func<string, ModelProto>? make = null)
    {
        var (floats, integers) = (Path.Combine(workFolder, "width.onnx"), Path.Combine(workFolder, "width-int8.onnx"));
        try
        {
            var plan = Write(student, width, profile, data, normalization, workFolder, floats, integers, cancellationToken, make);
            var (bytes, most) = (new FileInfo(integers).Length, student.Budget?.MaximumBytes - ReservedBytes);
            // What is too large already need not be timed.
            if (student.Budget is not { MaximumLatencyP95: not null } budget || bytes > most && new FileInfo(floats).Length > most)
                return new WidthTrial(width, plan.Parameters(), bytes, !(bytes > most));
            var (file, fits) = Timed(floats, integers, profile, data.Test.Given(), budget, cancellationToken);
            return new WidthTrial(width, plan.Parameters(), file.Bytes, fits, file.LatencyP95);
        }
        finally
        {
            File.Delete(floats);
            File.Delete(integers);
        }
    }

    /// <summary>Writes the untrained network of a width as its float file and as its file of 8 bits or fewer.</summary>
    /// <returns>The network.</returns>
    public static NetworkPlan Write(
        StudentSpec student, int width, HardwareProfile profile, DataSet data, Normalization normalization, string workFolder,
        string floats, string integers, CancellationToken cancellationToken, Func<string, ModelProto>? make = null)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var plan = Families.Student(
            student.Family, width, data.Training.SampleShape, Families.HeadFor(data), student.Depth ?? 0, data.Training.Vocabulary) with
        {
            FrontEnd = data.FrontEnd,
            InputForm = data.InputForm,
        };
        // Metadata has the threshold in words.
        if (plan.Head is Reconstruction head)
            plan = plan with { Layers = [.. plan.Layers.SkipLast(1), head with { Threshold = LongThreshold }] };
        using (var network = new Network(plan, normalization, 0))
            OnnxFile.Save(AsTrained(StudentExport.Model(plan, normalization, network.Folded())), floats);
        OnnxFile.Save(make?.Invoke(floats)
            ?? Quantized(floats, profile, data.Training.Given().Take(CalibrationSamples), workFolder, cancellationToken), integers);
        return plan;
    }

    // No two vectors of a trained network are alike, and those with a number that 16 bits do not hold stay in 32 (FloatVectors). Untrained
    // ones are ones and zeros, of which a file has each once: an encoder's of 238,182 bytes was thought to have 236,602.
    private static ModelProto AsTrained(ModelProto model)
    {
        for (var place = 0; place < model.Graph.Initializer.Count; place++)
        {
            var vector = model.Graph.Initializer[place];
            if (!vector.Is(TensorProto.Types.DataType.Float) || vector.Dims is not [> 1]) continue;
            var values = vector.ToSingles();
            values[0] = Tiny / (place + 1);
            model.Graph.Initializer[place] = Tensors.Of(vector.Name, values, [.. vector.Dims]);
        }
        return model;
    }

    /// <summary>A file in the 8 bits of a profile, with ranges as wide as samples are.</summary>
    public static ModelProto Quantized(
        string path, HardwareProfile profile, SampleSet samples, string workFolder, CancellationToken cancellationToken)
    {
        var prepared = PreparedModel.From(path, workFolder);
        var scheme = HeldScheme.Of(QuantizationSchemes.For(profile)[0], prepared.Graph, layers: null, unreached: []);
        var histograms = CalibrationRun.Count(prepared.Model, [.. scheme.CalibratedValues(prepared.Graph)],
            samples.Feeds(StudentExport.Input), CalibrationSamples, cancellationToken);
        return scheme.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string>());
    }

    /// <summary>
    /// Which of a width's files counts, and whether it is within the budget. One file must keep all limits: the float file may be the one
    /// that is fast enough, but then its own bytes count, not those of the 8-bit file.
    /// </summary>
    public static (FileCost File, bool Fits) Judge(FileCost integers, FileCost floats, StudentBudget budget)
    {
        bool IsSmall(FileCost file) => !(file.Bytes + ReservedBytes > budget.MaximumBytes);
        bool Keeps(FileCost file) => IsSmall(file) && !(file.LatencyP95 * (1 + Reserve) > budget.MaximumLatencyP95);
        return Keeps(integers) ? (integers, true)
            : Keeps(floats) ? (floats, true)
            : (IsSmall(integers) || !IsSmall(floats) ? integers : floats, false);
    }

    // As variants are timed: in turns, the 8-bit file by the ratio of processor times, both where the float file was quietest.
    private static (FileCost File, bool Fits) Timed(
        string floats, string integers, HardwareProfile profile, SampleSet samples, StudentBudget budget,
        CancellationToken cancellationToken)
    {
        var settings = profile.Runtime.On(ThisMachine.Facts.IsaFlags);
        using var original = OnnxRuntimeSession.Open(floats);
        using var variant = OnnxRuntimeSession.Open(integers, settings);
        var clock = new PairedClock();
        for (var look = 1; ; look++)
        {
            clock.Add(integers, LatencyRun.Pair(original, variant, samples.Feeds(StudentExport.Input),
                everyThread: settings.IntraOpThreads > 1, Look, cancellationToken));
            var judged = Judge(new FileCost(new FileInfo(integers).Length, clock.Of(integers)!.P95),
                new FileCost(new FileInfo(floats).Length, clock.Float!.P95), budget);
            if (judged.Fits || look == Looks) return judged;
        }
    }
}
