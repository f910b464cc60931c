using Fleet.Contracts.Builds;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Distillation.Losses;

/// <summary>The contrastive loss against its formula in plain doubles, with the memory it starts from.</summary>
public sealed class ContrastiveLossTests
{
    private const int Known = 12;
    private const double Temperature = 0.5;

    private static readonly long[] Labels = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2];
    private static readonly int[] Batch = [1, 5, 9];
    private static readonly double[][] Student = Plain.Rows(3, 4, 1), Teacher = Plain.Rows(3, 6, 2);
    private static readonly LossSpec Spec = new() { Loss = "contrastive", Temperature = Temperature, Negatives = 7 };

    public ContrastiveLossTests() => NativeEnvironment.Prepare();

    private static ContrastiveLoss Loss() => (ContrastiveLoss)Plain.Loss(Spec, Labels, (new Feature("s", [4]), new Feature("t", [6])));

    private static LossInputs Inputs(Tensor student, long step)
        => Plain.Pair(student, Plain.Of(Teacher), [.. Batch.Select(sample => Labels[sample])]) with { Samples = Batch, Step = step };

    private static double[][] Rows(Tensor value) => [.. value.data<double>().ToArray().Chunk((int)value.size(-1))];

    private static double[][] Embeddings(double[][] rows, double[][] weight, double[] bias)
        => [.. rows.Select(row => weight.Select((column, to) => Plain.Dot(column, row) + bias[to]).ToArray().Unit())];

    // One side of the loss: anchors against a memory of the other side.
    private static double Contrast(double[][] anchors, double[][] bank, long[] drawn, ref double z)
    {
        double Raw(double[] a, double[] b) => Math.Exp(Plain.Dot(a, b) / Temperature);
        long[] Negatives(int place) => [.. drawn.Where(sample => Labels[sample] != Labels[Batch[place]])];
        if (z == 0)
        {
            var all = Enumerable.Range(0, Batch.Length)
                .SelectMany(place => Negatives(place).Append(Batch[place]).Select(sample => Raw(anchors[place], bank[sample]))).ToArray();
            z = all.Average() * Known;
        }
        var sum = 0.0;
        for (var place = 0; place < Batch.Length; place++)
        {
            var negatives = Negatives(place);
            var chance = (double)negatives.Length / Known;
            var right = Raw(anchors[place], bank[Batch[place]]) / z;
            sum += Math.Log(right / (right + chance + 1e-7));
            foreach (var sample in negatives) sum += Math.Log(chance / (Raw(anchors[place], bank[sample]) / z + chance + 1e-7));
        }
        return -sum / Batch.Length;
    }

    [Fact]
    public void Loss_tells_each_sample_from_others_in_a_memory_of_both_sides_and_moves_the_memory()
    {
        using var scope = NewDisposeScope();
        using var loss = Loss();
        var state = loss.State.Select(value => value.clone()).ToArray();
        var (studentBank, teacherBank) = (Rows(state[4]), Rows(state[5]));
        var s = Embeddings(Student, Rows(state[0]), state[1].data<double>().ToArray());
        var t = Embeddings(Teacher, Rows(state[2]), state[3].data<double>().ToArray());
        double forStudent = 0, forTeacher = 0;
        foreach (var step in (long[])[3, 4])
        {
            var drawn = loss.Draw(step);
            Assert.Equal(7, drawn.Length);
            var expected = Contrast(s, teacherBank, drawn, ref forStudent) + Contrast(t, studentBank, drawn, ref forTeacher);
            Assert.Equal(expected, loss.Of(Inputs(Plain.Of(Student), step)).ToDouble(), 9);
            for (var place = 0; place < Batch.Length; place++)
            {
                double[] Moved(double[] old, double[] seen) => old.Zip(seen, (a, b) => 0.5 * a + 0.5 * b).ToArray().Unit();
                studentBank[Batch[place]] = Moved(studentBank[Batch[place]], s[place]);
                teacherBank[Batch[place]] = Moved(teacherBank[Batch[place]], t[place]);
            }
            Assert.All(Rows(loss.State.ElementAt(4)).SelectMany(row => row).Zip(studentBank.SelectMany(row => row)),
                pair => Assert.Equal(pair.Second, pair.First, 10));
        }
    }

    [Fact]
    public void Gradient_is_that_of_finite_differences() => Plain.CheckGradient([.. Student.SelectMany(row => row)], [3, 4], student =>
    {
        // The first batch fixes the scale; each call starts from the same memory.
        using var loss = Loss();
        loss.Of(Inputs(Plain.Of(Student), 0));
        return loss.Of(Inputs(student, 1));
    });

    [Fact]
    public void Negatives_follow_from_the_samples_when_they_are_not_given()
    {
        using var loss = (ContrastiveLoss)Plain.Loss(Spec with { Negatives = null },
            [.. Enumerable.Range(0, 400).Select(i => (long)(i % 10))], (new Feature("s", [4]), new Feature("t", [6])));
        Assert.Equal(100, loss.Draw(1).Length);
        Assert.Equal(loss.Draw(1), loss.Draw(1));
        Assert.NotEqual(loss.Draw(1), loss.Draw(2));
    }
}
