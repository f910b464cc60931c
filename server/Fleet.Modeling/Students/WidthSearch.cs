using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;

namespace Fleet.Modeling.Students;

/// <summary>
/// Finds the largest width of a family that meets a budget. Size and latency do not depend on what a network has learned: each
/// width is exported untrained, quantized and measured. Both grow with the width, so the widths are doubled until one is too
/// much and the gap is then halved: nothing much larger than the answer is ever made.
/// </summary>
internal static class WidthSearch
{
    /// <summary>Ranges of an untrained network decide nothing; a few samples give some.</summary>
    private const int CalibrationSamples = 32;

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
    /// <returns>Every width that was tried, in order; the largest that fits is the answer.</returns>
    /// <exception cref="BuildException">Not even the smallest fits.</exception>
    public static IReadOnlyList<WidthTrial> Find(
        StudentSpec student, HardwareProfile profile, DataSet data, Normalization normalization, string workFolder,
        Action<WidthTrial> report, CancellationToken cancellationToken)
    {
        var step = StepOf(student.Family, student.Budget!);
        var tried = new List<WidthTrial>();
        bool Fits(int steps)
        {
            tried.Add(Measure(student, steps * step, profile, data, normalization, workFolder, cancellationToken));
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
                    + "another family.");
    }

    /// <summary>What a trial showed, for people.</summary>
    public static string Text(WidthTrial trial) => string.Create(CultureInfo.InvariantCulture,
        $"{trial.Width}, makes {trial.Bytes} "
            + $"bytes{(trial.LatencyP95 is { } latency ? $" and takes {latency.TotalMilliseconds:0.000} ms (p95)" : "")}");

    /// <summary>What a width costs, and whether that is within the budget, if there is one.</summary>
    public static WidthTrial Measure(
        StudentSpec student, int width, HardwareProfile profile, DataSet data, Normalization normalization, string workFolder,
        CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var plan = Families.Student(
            student.Family, width, data.Training.SampleShape, Families.HeadFor(data), student.Depth ?? 0, data.Training.Vocabulary) with
        {
            FrontEnd = data.FrontEnd,
            InputForm = data.InputForm,
        };
        var (floats, integers) = (Path.Combine(workFolder, "width.onnx"), Path.Combine(workFolder, "width-int8.onnx"));
        try
        {
            using (var network = new Network(plan, normalization, 0))
                OnnxFile.Save(StudentExport.Model(plan, normalization, network.Folded()), floats);
            OnnxFile.Save(
                Quantized(floats, profile, data.Training.Given().Take(CalibrationSamples), workFolder, cancellationToken), integers);
            var bytes = new FileInfo(integers).Length;
            var smallEnough = student.Budget?.MaximumBytes is not { } most || bytes <= most;
            // What is too large already need not be timed.
            var latency = student.Budget?.MaximumLatencyP95 is null || !smallEnough
                ? (TimeSpan?)null
                : Latency(floats, integers, profile, data.Test.Given(), cancellationToken);
            return new WidthTrial(width, plan.Parameters(), bytes, smallEnough && !(latency > student.Budget?.MaximumLatencyP95), latency);
        }
        finally
        {
            File.Delete(floats);
            File.Delete(integers);
        }
    }

    private static ModelProto Quantized(
        string path, HardwareProfile profile, SampleSet samples, string workFolder, CancellationToken cancellationToken)
    {
        var prepared = PreparedModel.From(path, workFolder);
        var scheme = HeldScheme.Of(QuantizationSchemes.For(profile)[0], prepared.Graph, layers: null, unreached: []);
        var histograms = CalibrationRun.Count(prepared.Model, [.. scheme.CalibratedValues(prepared.Graph)],
            samples.Feeds(StudentExport.Input), CalibrationSamples, cancellationToken);
        return scheme.Apply(new QuantizationSource(prepared, histograms, Calibrators.Named("minmax")), new HashSet<string>());
    }

    // The build offers the float file where it is the faster one, so the faster one counts. In turns, as everywhere.
    private static TimeSpan Latency(
        string floats, string integers, HardwareProfile profile, SampleSet samples, CancellationToken cancellationToken)
    {
        using var one = OnnxRuntimeSession.Open(floats);
        using var other = OnnxRuntimeSession.Open(integers, profile.Runtime.On(ThisMachine.Facts.IsaFlags));
        return LatencyRun.Measure([one, other], samples.Feeds(StudentExport.Input), cancellationToken).Min(latency => latency.P95);
    }
}
