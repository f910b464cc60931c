using Fleet.Contracts.Builds;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Distillation.Losses;

/// <summary>The losses on features against their formulas in plain doubles.</summary>
public sealed class FeatureLossesTests
{
    private const int Samples = 6;

    // Convolution features with positions: 3 student channels, 2 teacher channels, 4 positions.
    private const int Wide = 3, Narrow = 2, Positions = 4;

    private static readonly double[][] Student = Plain.Rows(
        Samples, Wide * Positions, 1), Teacher = Plain.Rows(Samples, Narrow * Positions, 2);
    private static readonly Feature StudentMap = new("layer1", [Wide, 2, 2]), TeacherMap = new("layer2", [Narrow, 2, 2]);
    private static readonly long[] StudentShape = [Samples, Wide, 2, 2], TeacherShape = [Samples, Narrow, 2, 2];

    // Hidden states: 4 tokens of 6 and of 4 channels.
    private static readonly double[][] StudentStates = Plain.Rows(Samples, 4 * 6, 3), TeacherStates = Plain.Rows(Samples, 4 * 4, 4);
    private static readonly Feature StudentTokens = new("layer1", [4, 6], ChannelsLast: true), TeacherTokens = new("hidden", [4, 4]);

    public FeatureLossesTests() => NativeEnvironment.Prepare();

    private static double Of(IDistillationLoss loss, double[][] student, long[] studentShape, double[][] teacher, long[] teacherShape)
    {
        using var scope = NewDisposeScope();
        return loss.Of(Plain.Pair(Plain.Of(student, studentShape), Plain.Of(teacher, teacherShape))).ToDouble();
    }

    private static void CheckGradient(
        IDistillationLoss loss, double[][] student, long[] studentShape, double[][] teacher, long[] teacherShape)
        => Plain.CheckGradient([.. student.SelectMany(row => row)], studentShape,
            value => loss.Of(Plain.Pair(value, Plain.Of(teacher, teacherShape))));

    private static (double[] Weight, double[] Bias) Projection(IDistillationLoss loss)
        => loss.Parameters.ToArray() is [var weight, var bias]
            ? (weight.data<double>().ToArray(), bias.data<double>().ToArray())
            : throw new InvalidOperationException("One projection was expected.");

    [Fact]
    public void Feature_is_the_mean_square_behind_a_projection_at_each_position()
    {
        using var loss = Plain.Loss(new LossSpec { Loss = "feature" }, (StudentMap, TeacherMap));
        var (weight, bias) = Projection(loss);
        var sum = 0.0;
        for (var sample = 0; sample < Samples; sample++)
            for (var position = 0; position < Positions; position++)
                for (var to = 0; to < Narrow; to++)
                {
                    var projected = bias[to]
                        + Enumerable.Range(0, Wide).Sum(from => weight[to * Wide + from] * Student[sample][from * Positions + position]);
                    sum += Math.Pow(projected - Teacher[sample][to * Positions + position], 2);
                }
        Assert.Equal(sum / (Samples * Positions * Narrow), Of(loss, Student, StudentShape, Teacher, TeacherShape), 12);
        CheckGradient(loss, Student, StudentShape, Teacher, TeacherShape);
    }

    [Fact]
    public void Feature_of_tokens_projects_their_channels()
    {
        using var loss = Plain.Loss(new LossSpec { Loss = "feature" }, (StudentTokens, TeacherTokens));
        var (weight, bias) = Projection(loss);
        var sum = 0.0;
        for (var sample = 0; sample < Samples; sample++)
            for (var token = 0; token < 4; token++)
                for (var to = 0; to < 4; to++)
                {
                    var projected = bias[to]
                        + Enumerable.Range(0, 6).Sum(from => weight[to * 6 + from] * StudentStates[sample][token * 6 + from]);
                    sum += Math.Pow(projected - TeacherStates[sample][token * 4 + to], 2);
                }
        Assert.Equal(sum / (Samples * 4 * 4), Of(loss, StudentStates, [Samples, 4, 6], TeacherStates, [Samples, 4, 4]), 12);
        CheckGradient(loss, StudentStates, [Samples, 4, 6], TeacherStates, [Samples, 4, 4]);
    }

    [Fact]
    public void Projection_is_learned_with_the_student()
    {
        using var loss = Plain.Loss(new LossSpec { Loss = "feature" }, (StudentMap, TeacherMap));
        using (NewDisposeScope()) loss.Of(Plain.Pair(Plain.Of(Student, StudentShape), Plain.Of(Teacher, TeacherShape))).backward();
        Assert.All(loss.Parameters, parameter => Assert.True(parameter.grad!.abs().sum().ToDouble() > 0));
    }

    [Fact]
    public void Maps_of_unequal_extent_meet_at_the_smaller()
    {
        using var loss = Plain.Loss(new LossSpec { Loss = "feature" }, (StudentMap, new Feature("t", [Narrow, 1, 1])));
        double[][] averaged = [.. Student.Select(row => row.Chunk(Positions).Select(channel => channel.Average()).ToArray())];
        double[][] single = [.. Teacher.Select(row => row[..Narrow])];
        var (weight, bias) = Projection(loss);
        var expected = averaged.Zip(single)
            .Average(pair => Enumerable.Range(0, Narrow)
                .Average(to => Math.Pow(bias[to] + Plain.Dot(weight[(to * Wide)..((to + 1) * Wide)], pair.First) - pair.Second[to], 2)));
        Assert.Equal(expected, Of(loss, Student, StudentShape, single, [Samples, Narrow, 1, 1]), 12);
    }

    [Fact]
    public void Attention_of_maps_is_the_squared_distance_of_unit_maps_of_energy()
    {
        double[] Map(double[] row, int channels)
            => Enumerable.Range(0, Positions)
                .Select(position => Enumerable.Range(0, channels).Sum(channel => Math.Pow(row[channel * Positions + position], 2)))
                .ToArray().Unit();
        var expected = Student.Zip(Teacher)
            .Average(pair => Math.Pow(Plain.Minus(Map(pair.First, Wide), Map(pair.Second, Narrow)).Norm(), 2));
        using var loss = Plain.Loss(new LossSpec { Loss = "attention" }, (StudentMap, TeacherMap));
        Assert.Equal(expected, Of(loss, Student, StudentShape, Teacher, TeacherShape), 12);
        CheckGradient(loss, Student, StudentShape, Teacher, TeacherShape);
    }

    [Fact]
    public void Attention_of_tokens_is_the_divergence_of_their_relations_in_each_head()
    {
        const int Heads = 2, Tokens = 4;
        double[] Relation(double[] row, int channels, int head, int token)
        {
            var width = channels / Heads;
            double[] Vector(int of) => row[(of * channels + head * width)..(of * channels + (head + 1) * width)];
            return Plain.Softmax([
                .. Enumerable.Range(0, Tokens).Select(other => Plain.Dot(Vector(token), Vector(other)) / Math.Sqrt(width)),
            ]);
        }
        var sum = 0.0;
        for (var sample = 0; sample < Samples; sample++)
            for (var head = 0; head < Heads; head++)
                for (var token = 0; token < Tokens; token++)
                    sum += Plain.Divergence(
                        Relation(TeacherStates[sample], 4, head, token), Relation(StudentStates[sample], 6, head, token));
        using var loss = Plain.Loss(new LossSpec { Loss = "attention", Heads = Heads }, (StudentTokens, TeacherTokens));
        Assert.Equal(sum / (Samples * Heads * Tokens), Of(loss, StudentStates, [Samples, 4, 6], TeacherStates, [Samples, 4, 4]), 12);
        CheckGradient(loss, StudentStates, [Samples, 4, 6], TeacherStates, [Samples, 4, 4]);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    [InlineData(25, 50)]
    public void Relation_compares_scaled_distances_of_pairs_and_angles_of_triples(double distance, double angle)
    {
        double[][] s = Plain.Rows(Samples, 5, 11), t = Plain.Rows(Samples, 3, 12);
        double Apart(double[][] rows, int i, int j) => Plain.Minus(rows[i], rows[j]).Norm();
        (int, int)[] pairs = [.. from i in Enumerable.Range(0, Samples) from j in Enumerable.Range(0, Samples) where i != j select (i, j)];
        double Mean(double[][] rows) => pairs.Average(pair => Apart(rows, pair.Item1, pair.Item2));
        var distances = pairs.Average(
            pair => Plain.Huber(Apart(s, pair.Item1, pair.Item2) / Mean(s) - Apart(t, pair.Item1, pair.Item2) / Mean(t)));
        double Cosine(double[][] rows, int i, int j, int k)
            => Plain.Dot(Plain.Minus(rows[j], rows[i]).Unit(), Plain.Minus(rows[k], rows[i]).Unit());
        var triples = pairs.SelectMany(pair => Enumerable.Range(0, Samples).Where(k => k != pair.Item1 && k != pair.Item2)
            .Select(k => (I: pair.Item1, J: pair.Item2, K: k)));
        var angles = triples.Average(at => Plain.Huber(Cosine(s, at.I, at.J, at.K) - Cosine(t, at.I, at.J, at.K)));
        using var loss = Plain.Loss(
            new LossSpec { Loss = "relation", Distance = distance, Angle = angle }, (new Feature("s", [5]), new Feature("t", [3])));
        Assert.Equal(distance * distances + angle * angles, Of(loss, s, [Samples, 5], t, [Samples, 3]), 10);
        CheckGradient(loss, s, [Samples, 5], t, [Samples, 3]);
    }

    [Fact]
    public void Relation_of_equal_samples_is_a_number_with_a_bounded_gradient()
    {
        using var scope = NewDisposeScope();
        using var loss = Plain.Loss(new LossSpec { Loss = "relation" }, (new Feature("s", [2]), new Feature("t", [2])));
        var student = tensor(new float[] { 1, 2, 1, 2, 3, 1 }, [3, 2]).requires_grad_();
        var value = loss.Of(Plain.Pair(student, tensor(new float[] { 1, 2, 5, 2, 3, 1 }, [3, 2])));
        value.backward();
        Assert.True(double.IsFinite(value.ToDouble()));
        Assert.All(student.grad!.data<float>().ToArray(), gradient => Assert.InRange(gradient, -10, 10));
    }

    [Fact]
    public void Similarity_compares_the_unit_rows_of_the_products_of_all_pairs_of_samples()
    {
        double[][] Similarities(double[][] rows) => [.. rows.Select(row => rows.Select(other => Plain.Dot(row, other)).ToArray().Unit())];
        var expected = Similarities(Student).Zip(Similarities(Teacher))
            .Sum(pair => Math.Pow(Plain.Minus(pair.First, pair.Second).Norm(), 2)) / (Samples * Samples);
        using var loss = Plain.Loss(new LossSpec { Loss = "similarity" }, (StudentMap, TeacherMap));
        Assert.Equal(expected, Of(loss, Student, StudentShape, Teacher, TeacherShape), 12);
        CheckGradient(loss, Student, StudentShape, Teacher, TeacherShape);
    }

    [Fact]
    public void Several_pairs_are_averaged()
    {
        using var scope = NewDisposeScope();
        using var loss = Plain.Loss(new LossSpec { Loss = "attention" }, (StudentMap, TeacherMap), (TeacherMap, StudentMap));
        var (s, t) = (Plain.Of(Student, StudentShape), Plain.Of(Teacher, TeacherShape));
        var both = loss.Of(new LossInputs(s, t, tensor(new long[] { 0 })) { Pairs = [(s, t), (s, s)] }).ToDouble();
        Assert.Equal(loss.Of(Plain.Pair(s, t)).ToDouble() / 2, both, 12);
    }

    [Theory]
    [InlineData("feature", "both need as many axes")]
    [InlineData("attention", "both need channels and as many axes of positions")]
    public void Features_that_cannot_be_compared_are_refused_with_their_shapes(string loss, string because)
    {
        var message = Assert.Throws<BuildException>(
            () => Plain.Loss(new LossSpec { Loss = loss }, (StudentMap, new Feature("relu9", [40]))).Dispose()).Message;
        Assert.Contains("'relu9' (40)", message, StringComparison.Ordinal);
        Assert.Contains("'layer1' (3 x 2 x 2)", message, StringComparison.Ordinal);
        Assert.Contains(because, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Heads_that_do_not_divide_the_channels_are_refused()
        => Assert.Contains("multiples of heads, which is 4",
            Assert.Throws<BuildException>(() => Plain.Loss(new LossSpec { Loss = "attention", Heads = 4 }, (StudentTokens, TeacherTokens))
                .Dispose()).Message, StringComparison.Ordinal);
}
