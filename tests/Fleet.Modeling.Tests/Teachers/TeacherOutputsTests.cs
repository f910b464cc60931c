using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.TestKit;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Teachers;

public sealed class TeacherOutputsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TeacherOutputsTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static readonly SampleSet Training = new(
        [.. Enumerable.Range(0, 150 * 4).Select(i => (float)Math.Sin(i))], [1, 4], new long[150]);
    private static readonly Augmentation Views = new(Enabled: true, Mirror: true, Seed: 5) { Mixup = true, Warp = true };

    // Answers with what it was asked: the logits are the first two values, the feature is all four.
    private sealed class Echo(string path) : ITeacherModel
    {
        public int Asked { get; private set; }

        public string Path => path;

        public int Columns => 2;

        public long Parameters => 0;

        public IReadOnlyList<Feature> Show(IReadOnlyList<string> names) => [.. names.Select(name => new Feature(name, [1, 4]))];

        public void Answer(Memory<float> inputs, int count, Span<float> rows)
        {
            Asked += count;
            for (var i = 0; i < count; i++)
            {
                inputs.Span.Slice(4 * i, 2).CopyTo(rows[(6 * i)..]);
                inputs.Span.Slice(4 * i, 4).CopyTo(rows[(6 * i + 2)..]);
            }
        }

        public void Dispose() { }
    }

    private Echo Teacher(string content = "weights")
    {
        File.WriteAllText(_folder["teacher.bin"], content);
        return new Echo(_folder["teacher.bin"]);
    }

    private TeacherOutputs Open(
        ITeacherModel teacher, SampleSet? training = null, Augmentation? views = null,
        long maximum = TeacherOutputs.MaximumBytes, int count = 3)
        => new(teacher, training ?? Training, ["hidden"], views ?? Views, count, _folder["answers"], maximum);

    private static void CheckAnswers(TeacherOutputs outputs, int view)
    {
        using var scope = NewDisposeScope();
        int[] samples = [149, 0, 77];
        var answers = outputs.Of(view, samples, CPU, CancellationToken.None);
        var seen = new float[4];
        for (var i = 0; i < samples.Length; i++)
        {
            Views.Write(Training, samples[i], view, seen);
            Assert.Equal(seen, answers.Features["hidden"][i].data<float>().ToArray());
            Assert.Equal(seen[..2], answers.Outputs[i].data<float>().ToArray());
        }
        Assert.Equal([3, 1, 4], answers.Features["hidden"].shape);
    }

    [Fact]
    public void Each_view_is_asked_once_when_its_turn_comes_and_is_the_one_the_student_sees()
    {
        var teacher = Teacher();
        using var outputs = Open(teacher);
        Assert.Equal([0, 1, 2, 0], Enumerable.Range(0, 4).Select(outputs.ViewOf));
        Assert.Equal(0, teacher.Asked);
        CheckAnswers(outputs, 2);
        CheckAnswers(outputs, 2);
        Assert.Equal(150, teacher.Asked);
        CheckAnswers(outputs, 1);
        Assert.Equal(300, teacher.Asked);
    }

    [Fact]
    public void Build_that_is_repeated_finds_the_answers_and_one_that_changed_does_not()
    {
        var teacher = Teacher();
        using (var first = Open(teacher)) CheckAnswers(first, 1);
        using (var again = Open(teacher)) CheckAnswers(again, 1);
        Assert.Equal(150, teacher.Asked);

        var other = Teacher("other weights");
        using (var changed = Open(other)) CheckAnswers(changed, 1);
        Assert.Equal(150, other.Asked);
        using (var data = Open(other, Training with { Values = Training.Inputs.Select(value => value + 1).ToArray() }))
            data.Of(1, [0], CPU, CancellationToken.None);
        Assert.Equal(300, other.Asked);
        using (var seed = Open(other, views: Views with { Seed = 6 })) seed.Of(1, [0], CPU, CancellationToken.None);
        Assert.Equal(450, other.Asked);
    }

    [Fact]
    public void File_that_was_cut_is_asked_again()
    {
        var teacher = Teacher();
        using (var first = Open(teacher)) CheckAnswers(first, 1);
        var file = Directory.GetFiles(_folder["answers"]).Single();
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^5]);
        using (var again = Open(teacher)) CheckAnswers(again, 1);
        Assert.Equal(300, teacher.Asked);
    }

    [Fact]
    public void Answers_over_the_limit_are_asked_anew_and_then_no_view_repeats()
    {
        var teacher = Teacher();
        const long Needed = 3 * 150 * 6 * 4;
        using (var kept = Open(teacher, maximum: Needed)) Assert.True(kept.Kept);
        using var outputs = Open(teacher, maximum: Needed - 1);
        Assert.False(outputs.Kept);
        Assert.Equal(Needed, outputs.Bytes);
        Assert.Equal([0, 1, 2, 3], Enumerable.Range(0, 4).Select(outputs.ViewOf));
        CheckAnswers(outputs, 7);
        CheckAnswers(outputs, 7);
        Assert.Equal(6, teacher.Asked);
        Assert.False(Directory.Exists(_folder["answers"]));
    }

    [Fact]
    public void Room_is_made_by_removing_what_earlier_builds_left()
    {
        const long Needed = 3 * 150 * 6 * 4;
        using (var first = Open(Teacher()))
        {
            CheckAnswers(first, 0);
            CheckAnswers(first, 1);
        }
        File.WriteAllText(Path.Combine(_folder["answers"], "cut.f32.partial"), "left by a crash");
        using (var second = Open(Teacher("other weights"), maximum: Needed + 150 * 6 * 4)) CheckAnswers(second, 0);
        Assert.Equal(2, Directory.GetFiles(_folder["answers"]).Length);
    }

    [Fact]
    public void Cancelled_pass_leaves_no_file_that_would_be_taken_for_whole()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        using var outputs = Open(Teacher());
        Assert.ThrowsAny<OperationCanceledException>(() => outputs.Of(0, [0], CPU, cancel.Token));
        Assert.Empty(Directory.GetFiles(_folder["answers"], "*.f32"));
    }
}
