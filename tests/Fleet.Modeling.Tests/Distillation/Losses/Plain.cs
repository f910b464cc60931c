using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Distillation.Losses;

/// <summary>Numbers without torch: what a loss is compared with is written out in loops over plain doubles.</summary>
internal static class Plain
{
    /// <summary>Numbers around zero from a seed.</summary>
    public static double[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => 3 * random.NextDouble() - 1.5)];
    }

    /// <summary>Rows of numbers.</summary>
    public static double[][] Rows(int count, int width, int seed) => [.. Numbers(count * width, seed).Chunk(width)];

    public static double[] Softmax(double[] values)
    {
        var sum = values.Sum(Math.Exp);
        return [.. values.Select(value => Math.Exp(value) / sum)];
    }

    public static double[] Over(this double[] values, double divisor) => [.. values.Select(value => value / divisor)];

    public static double Divergence(double[] p, double[] q)
        => p.Zip(q).Sum(pair => pair.First * (Math.Log(pair.First) - Math.Log(pair.Second)));

    public static double Norm(this double[] values) => Math.Sqrt(values.Sum(value => value * value));

    public static double Dot(double[] a, double[] b) => a.Zip(b).Sum(pair => pair.First * pair.Second);

    public static double[] Minus(double[] a, double[] b) => [.. a.Zip(b).Select(pair => pair.First - pair.Second)];

    public static double[] Unit(this double[] values) => values.Over(values.Norm());

    public static double Huber(double difference) => Math.Abs(difference) < 1 ? 0.5 * difference * difference : Math.Abs(difference) - 0.5;

    /// <summary>A tensor of rows.</summary>
    public static Tensor Of(double[][] rows, params long[] shape)
        => tensor(rows.SelectMany(row => row).ToArray(), shape.Length > 0 ? shape : [rows.Length, rows[0].Length]);

    /// <summary>A loss as a build makes it, in double precision.</summary>
    public static IDistillationLoss Loss(LossSpec spec, params (Feature Student, Feature Teacher)[] pairs) => Loss(spec, [], pairs);

    public static IDistillationLoss Loss(LossSpec spec, long[] labels, params (Feature Student, Feature Teacher)[] pairs)
    {
        lock (Network.Chance)
        {
            random.manual_seed(7);
            return DistillationLosses.ByName[spec.Loss](
                new LossSetup(spec, pairs, new ClassLabels(labels), 7) { Type = ScalarType.Float64 });
        }
    }

    /// <summary>The inputs of a loss on one pair of features; its logits are not used.</summary>
    public static LossInputs Pair(Tensor student, Tensor teacher, long[]? labels = null)
        => new(student, teacher, tensor(labels ?? [0L])) { Pairs = [(student, teacher)] };

    /// <summary>
    /// Compares the gradient with respect to <paramref name="at"/> with central differences along random directions: what is
    /// differentiated wrongly, detached or left out shows in a direction sooner than element by element.
    /// </summary>
    public static void CheckGradient(double[] at, long[] shape, Func<Tensor, Tensor> loss)
    {
        const double Step = 1e-5;
        using var scope = NewDisposeScope();
        var point = tensor(at, shape).requires_grad_();
        loss(point).backward();
        var gradient = point.grad!.data<double>().ToArray();
        Assert.Contains(gradient, value => Math.Abs(value) > 1e-9);
        for (var seed = 1; seed <= 3; seed++)
        {
            var direction = Numbers(at.Length, 100 + seed).Unit();
            double At(double step) => loss(tensor(at.Zip(direction, (value, way) => value + step * way).ToArray(), shape)).ToDouble();
            var difference = (At(Step) - At(-Step)) / (2 * Step);
            Assert.Equal(difference, Dot(gradient, direction), 1e-7 * Math.Max(1, Math.Abs(difference)));
        }
    }
}
