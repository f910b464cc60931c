using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Onnx;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Teachers;

/// <summary>Teachers that take samples, and give answers, in another form than the data has.</summary>
public sealed class AdaptedTeacherTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public AdaptedTeacherTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private string Model(string name, string family, int[] shape, int classes = 3, int seed = 1)
    {
        using var network = new Network(Families.Student(family, 4, shape, new Classifier(classes)),
            new Normalization(new float[shape[0]], [.. Enumerable.Repeat(1f, shape[0])]), seed);
        OnnxFile.Save(StudentExport.Model(network.Plan, network.Normalization, network.Folded()), _folder[name]);
        return _folder[name];
    }

    private static SampleSet Samples(int[] shape, Func<int, float>? value = null)
    {
        var length = shape.Aggregate(1, (product, extent) => product * extent);
        return new SampleSet([.. Enumerable.Range(0, 4 * length).Select(i => value?.Invoke(i) ?? (float)Math.Sin(i))], shape,
            new long[4]);
    }

    private static DataSet Data(SampleSet samples, params string[] classes) => new(samples, samples.Take(0), samples, classes);

    private static float[] Outputs(TeacherSpec spec, DataSet data)
    {
        using var teacher = Teacher.Open(spec, data, spec.Classes is null ? data.Columns : null);
        return teacher.Outputs(data.Test, CancellationToken.None);
    }

    private static float[] Plain(string path, SampleSet samples, int columns = 3)
    {
        using ITeacherModel teacher = new OnnxTeacher(path, samples.SampleShape, columns);
        return teacher.Outputs(samples, CancellationToken.None);
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void Teacher_of_rows_is_given_a_picture_as_a_row()
    {
        var path = Model("row.onnx", "mlp", [48]);
        var picture = Samples([3, 4, 4]);
        AssertClose(Plain(path, picture with { SampleShape = [48] }),
            Outputs(new TeacherSpec { Onnx = path }, Data(picture, "a", "b", "c")));
    }

    [Fact]
    public void Values_are_scaled_as_the_teacher_was_trained()
    {
        var path = Model("cnn.onnx", "cnn", [3, 8, 8]);
        var samples = Samples([3, 8, 8]);
        double[] mean = [10, 20, 30], deviation = [2, 4, 8];
        var expected = samples with
        {
            Values = samples.Inputs.Select((value, i) => (float)((value * 255 - mean[i / 64 % 3]) / deviation[i / 64 % 3])).ToArray(),
        };
        AssertClose(Plain(path, expected), Outputs(
            new TeacherSpec { Onnx = path, Input = new TeacherInput { Scale = 255, Mean = mean, Deviation = deviation } },
            Data(samples, "a", "b", "c")));
    }

    [Fact]
    public void Input_that_cannot_be_made_is_refused_and_not_left_out()
    {
        var path = Model("cnn.onnx", "cnn", [3, 8, 8]);
        string Refused(TeacherInput input) => Assert.Throws<BuildException>(
            () => Outputs(new TeacherSpec { Onnx = path, Input = input }, Data(Samples([3, 8, 8]), "a", "b", "c"))).Message;
        Assert.Contains("cannot become", Refused(new TeacherInput { Shape = [7] }), StringComparison.Ordinal);
        Assert.Contains("one number, or 3", Refused(new TeacherInput { Mean = [1, 2] }), StringComparison.Ordinal);
        Assert.Contains("one number, or 3", Refused(new TeacherInput { Deviation = [1, 2] }), StringComparison.Ordinal);
    }

    [Fact]
    public void Colours_layout_and_size_are_those_of_the_teacher()
    {
        int[] sample = [3, 2, 2];
        float[] values = [.. Enumerable.Range(0, 12).Select(i => (float)i)];
        var turned = InputForm.Of(sample, [2, 2, 3], new TeacherInput { Colour = PictureColour.Bgr })!;
        Assert.True(turned.IsLast);
        var input = new float[12];
        turned.Write(values, input);
        Assert.Equal([8, 4, 0, 9, 5, 1, 10, 6, 2, 11, 7, 3], input);

        // A plane doubled: middles of pixels, and the edge repeated.
        var larger = InputForm.Of([1, 2, 2], [1, 4, 4], null)!;
        input = new float[16];
        larger.Write([0, 4, 8, 12], input);
        Assert.Equal([0, 1, 3, 4, 2, 3, 5, 6, 6, 7, 9, 10, 8, 9, 11, 12], input);
        Assert.Equal("resized to 4x4", larger.Text());

        var coloured = InputForm.Of([1, 2, 2], [3, -1, -1], null)!;
        coloured.Write([1, 2, 3, 4], input.AsSpan(0, 12));
        Assert.Equal([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4], input[..12]);
        Assert.Null(InputForm.Of([2, 100], [2, 50], null));
    }

    [Fact]
    public void Classes_are_picked_by_name_and_probabilities_become_logits()
    {
        var path = Model("four.onnx", "mlp", [6], classes: 4);
        var samples = Samples([6]);
        var own = Plain(path, samples, columns: 4);
        var picked = Outputs(new TeacherSpec { Onnx = path, Classes = ["w", "x", "y", "z"] }, Data(samples, "z", "x"));
        Assert.Equal([.. own.Chunk(4).SelectMany(row => new[] { row[3], row[1] })], picked);

        var refused = Assert.Throws<BuildException>(() => Outputs(
            new TeacherSpec { Onnx = path, Classes = ["w", "x", "y", "z"] }, Data(samples, "z", "other")));
        Assert.Contains("the class 'other'", refused.Message, StringComparison.Ordinal);

        var sure = new AdaptedTeacher([(new Fixed([0.7f, 0.2f, 0.1f]), InputForm.Of([6], null, null)!)], null, areProbabilities: true,
            Fleet.Contracts.Tasks.ModelTask.Classification);
        AssertClose([MathF.Log(0.7f), MathF.Log(0.2f), MathF.Log(0.1f)], ((ITeacherModel)sure).Outputs(samples.Take(1), default));
    }

    [Fact]
    public void Several_teachers_answer_with_the_mean_of_their_probabilities()
    {
        var paths = new[] { Model("a.onnx", "mlp", [6], seed: 1), Model("b.onnx", "mlp", [6], seed: 2) };
        var samples = Samples([6]);
        static float[] Softmax(float[] row)
        {
            var sum = row.Sum(MathF.Exp);
            return [.. row.Select(value => MathF.Exp(value) / sum)];
        }
        var own = paths.Select(path => Plain(path, samples).Chunk(3).SelectMany(Softmax).ToArray()).ToArray();
        float[] expected = [.. own[0].Zip(own[1], (a, b) => MathF.Log((a + b) / 2))];
        AssertClose(expected, Outputs(new TeacherSpec { Onnx = paths[0], Ensemble = [paths[1]] }, Data(samples, "a", "b", "c")));
        using var both = Teacher.Open(new TeacherSpec { Onnx = paths[0], Ensemble = [paths[1]] }, Data(samples, "a", "b", "c"), 3);
        Assert.Equal(paths, both.Files);
        var refused = Assert.Throws<BuildException>(() => both.Show(["layer1"]));
        Assert.Contains("no inside of its own", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Answers everything alike.</summary>
    private sealed class Fixed(float[] answer) : ITeacherModel
    {
        public string Path => "fixed";

        public int Columns => answer.Length;

        public long Parameters => 0;

        public IReadOnlyList<Feature> Show(IReadOnlyList<string> names) => [];

        public void Answer(Memory<float> inputs, int count, Span<float> rows)
        {
            for (var i = 0; i < count; i++) answer.CopyTo(rows[(i * answer.Length)..]);
        }

        public void Dispose() { }
    }
}
