using Fleet.Quantization.Estimates;

namespace Fleet.Benchmarks.Quantization.Kernels;

/// <summary>What a model did and what that took.</summary>
/// <param name="Name">The model and its form.</param>
/// <param name="Work">What it had to do.</param>
/// <param name="Cost">What it took: instructions, or nanoseconds.</param>
internal sealed record CountedRun(string Name, ModelWork Work, double Cost);

/// <summary>
/// What one of each kernel takes, by least squares of relative errors over runs, none below zero: coordinate descent (as in J. Friedman,
/// T. Hastie and R. Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate Descent", J. Stat. Software 33, 2010).
/// What reading weights from memory takes is not in it.
/// </summary>
internal static class KernelFit
{
    private const int Passes = 20_000;

    /// <summary>The cost of one of each kernel that any run used.</summary>
    public static IReadOnlyDictionary<Kernel, double> Of(IReadOnlyList<CountedRun> runs)
    {
        Kernel[] kernels = [.. runs.SelectMany(run => run.Work.Parts).Select(part => part.Kernel).Distinct().Order()];
        var rows = runs.Select(run => kernels.Select(
            kernel => run.Work.Parts.Where(part => part.Kernel == kernel).Sum(part => part.Amount) / run.Cost).ToArray()).ToArray();
        var costs = new double[kernels.Length];
        var left = Enumerable.Repeat(1.0, rows.Length).ToArray();
        for (var pass = 0; pass < Passes; pass++)
        {
            for (var k = 0; k < kernels.Length; k++)
            {
                var (along, square) = (0.0, 0.0);
                for (var i = 0; i < rows.Length; i++) (along, square) = (along + rows[i][k] * left[i], square + rows[i][k] * rows[i][k]);
                var changed = Math.Max(0, costs[k] + along / square);
                for (var i = 0; i < rows.Length; i++) left[i] -= rows[i][k] * (changed - costs[k]);
                costs[k] = changed;
            }
        }
        return kernels.Zip(costs).ToDictionary(one => one.First, one => one.Second);
    }

    /// <summary>What a run should take by the costs.</summary>
    public static double Expected(ModelWork work, IReadOnlyDictionary<Kernel, double> costs)
        => work.Parts.Sum(part => part.Amount * costs.GetValueOrDefault(part.Kernel));
}
