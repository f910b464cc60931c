using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Search;

/// <summary>
/// The students that a search considers: families that take such samples, depths, and widths up to the largest that fits.
/// </summary>
internal static class SearchSpace
{
    /// <summary>A shorter row is a handful of features, not a signal.</summary>
    private const int ShortestSignal = 16;

    /// <summary>A smaller picture leaves a convolution nothing to look at.</summary>
    private const int SmallestPicture = 8;

    /// <summary>Widths below the largest that fits: a half and a quarter of it. Less data often wants less of a network.</summary>
    private static readonly int[] Divisors = [1, 2, 4];

    private static readonly string[] OfSignals = ["conv1d", "conv1d-residual", "tcn", "gru", "random-kernels"];

    /// <summary>A recurrent network takes a step after the other: on longer series trying it would cost more than all else.</summary>
    private const int LongestRecurrence = 128;

    /// <summary>The families that take samples of such a shape.</summary>
    /// <param name="data">The data.</param>
    /// <param name="onGrid">True where students are trained on in the integers of a scheme, which not every family can be.</param>
    public static IReadOnlyList<string> FamiliesFor(DataSet data, bool onGrid = false)
        => [.. Taking(data).Where(family => family switch
        {
            "gru" => !onGrid && data.Training.SampleShape[^1] <= LongestRecurrence,
            "text-cnn" => !onGrid,
            _ => true,
        })];

    private static string[] Taking(DataSet data) => data.Training switch
    {
        { Vocabulary: not null } => ["text-cnn", "encoder"],
        { Labels: BoxLabels } => ["detector"],
        _ when data.Table is not null => ["linear", "mlp"],
        { SampleShape: [var length] } => length >= ShortestSignal ? ["linear", .. OfSignals, "mlp"] : ["linear", "mlp"],
        { SampleShape: [var rows, var columns] } => Math.Min(rows, columns) >= SmallestPicture
            ? ["cnn", "cnn-separable", "cnn-residual", .. OfSignals, "mlp"]
            : columns >= ShortestSignal ? [.. OfSignals, "mlp"] : ["mlp"],
        { SampleShape.Count: 3 } => ["cnn", "cnn-separable", "cnn-residual", "mlp"],
        _ => ["mlp"],
    };

    /// <summary>Depths that are tried; null where the family has one of its own.</summary>
    public static IReadOnlyList<int?> DepthsOf(string family) => family switch
    {
        "mlp" => [2, 3],
        "cnn" or "encoder" => [1, 2],
        "detector" => [3],
        _ => [null],
    };

    /// <summary>Widths that are tried where nothing limits them.</summary>
    private static int[] UsualWidths(string family) => family switch
    {
        "linear" => [WidthSearch.Smallest],
        "mlp" => [128, 64, 32],
        "text-cnn" => [128, 64, 32],
        "encoder" => [64, 32, 16],
        "random-kernels" => [84, 32, 16],
        _ => [32, 16, 8],
    };

    /// <summary>The students of a family, one depth and all widths, each with what it costs.</summary>
    /// <param name="student">Family, depth and budget.</param>
    /// <param name="training">How they are trained.</param>
    /// <param name="profile">Whose 8-bit form is measured.</param>
    /// <param name="data">Samples.</param>
    /// <param name="normalization">First step of the student.</param>
    /// <param name="workFolder">For scratch files.</param>
    /// <param name="cancellationToken">Honoured between runs of a model.</param>
    /// <exception cref="BuildException">Not even the smallest fits.</exception>
    public static IReadOnlyList<Candidate> Of(
        StudentSpec student, TrainingSpec training, HardwareProfile profile, DataSet data, Normalization normalization, string workFolder,
        CancellationToken cancellationToken)
    {
        WidthTrial Measured(int width)
            => WidthSearch.Measure(student, width, profile, data, normalization, workFolder, cancellationToken);
        // A linear model has no width.
        var hasWidths = student.Budget is not null && student.Family != "linear";
        var known = !hasWidths ? [] : WidthSearch.Find(
            student, profile, data, normalization, workFolder, _ => { }, cancellationToken);
        int[] widths = UsualWidths(student.Family);
        if (hasWidths)
        {
            var largest = known.Where(trial => trial.Fits).Max(trial => trial.Width);
            var step = student.Family == "encoder" ? 16 : 1;
            widths = [
                .. Divisors.Select(divisor => largest / divisor / step * step)
                    .Where(width => width == largest || width >= Math.Max(4, step)).Distinct(),
            ];
        }
        return [
            .. widths.Select(width => known.FirstOrDefault(trial => trial.Width == width) ?? Measured(width))
                .Where(trial => trial.Fits).Select(trial =>
                {
                    var plan = Plan(student with { Width = trial.Width }, data);
                    return new Candidate(student with { Width = trial.Width }, training, "none",
                        new CandidateCost(trial.Parameters, plan.MultiplyAdds(), plan.Layers.Count, trial.Bytes, trial.LatencyP95));
                }),
        ];
    }

    /// <summary>The network of a student whose width is known.</summary>
    public static NetworkPlan Plan(StudentSpec student, DataSet data) => Families.Student(
        student.Family, student.Width.Value, data.Training.SampleShape, Families.HeadFor(data), student.Depth ?? 0,
        data.Training.Vocabulary);
}
