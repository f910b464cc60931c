using Fleet.Modeling.Data;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Teachers;

/// <summary>
/// The files beside this one were written by PyTorch 2.6: a convolution of two channels onto four, ReLU, the mean over
/// positions and a linear layer onto three logits, all with the same weights. <c>logits.pt</c> answers with these,
/// <c>tuple.pt</c> and <c>list.pt</c> with these and the activations, <c>dictionary.pt</c> with both by name.
/// </summary>
public sealed class TorchScriptTeacherTests : IDisposable
{
    // What PyTorch answered for 0, 0.1, 0.2, ... 1.9.
    private static readonly float[] Expected = [0.5822f, -0.3952f, 0.4080f, 0.6723f, -0.5088f, 0.3728f];
    private static readonly float[] ExpectedHidden = [0.0939f, 0.1087f, 0.1351f, 0.1615f, 0.1393f];
    private static readonly SampleSet Samples = new([.. Enumerable.Range(0, 20).Select(i => i / 10f)], [2, 5], [0, 1]);

    private readonly TemporaryFolder _folder = new();

    public TorchScriptTeacherTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static string PathOf(string name) => Repository.PathOf("tests", "Fleet.Modeling.Tests", "Teachers", "TorchScript", name);

    private static string Refused(string path, int[]? shape = null, int classes = 3)
        => Assert.Throws<BuildException>(() => new TorchScriptTeacher(path, shape ?? [2, 5], classes).Dispose()).Message;

    [Theory]
    [InlineData("logits.pt")]
    [InlineData("tuple.pt")]
    [InlineData("list.pt")]
    public void Teacher_answers_as_pytorch_does(string name)
    {
        using ITeacherModel teacher = new TorchScriptTeacher(PathOf(name), [2, 5], 3);
        Assert.All(Expected.Zip(teacher.Outputs(Samples, CancellationToken.None)), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.Equal(4 * 2 * 3 + 4 + 4 * 3 + 3, teacher.Parameters);
    }

    [Theory]
    [InlineData("tuple.pt")]
    [InlineData("list.pt")]
    public void Members_behind_the_logits_are_features(string name)
    {
        using var teacher = new TorchScriptTeacher(PathOf(name), [2, 5], 3);
        var feature = Assert.Single(teacher.Show(["output1"]));
        Assert.Equal([4, 5], feature.Shape);
        var rows = new float[2 * 23];
        teacher.Answer(Samples.Inputs, 2, rows);
        Assert.All(Expected[3..].Zip(rows[23..]), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        // The second channel of the first sample.
        Assert.All(ExpectedHidden.Zip(rows[(3 + 5)..]), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        Assert.Contains("it has output1", Assert.Throws<BuildException>(() => teacher.Show(["output2"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Teacher_without_features_says_how_to_give_them()
    {
        using var teacher = new TorchScriptTeacher(PathOf("logits.pt"), [2, 5], 3);
        Assert.Contains("return a tuple (answer, feature, ...)",
            Assert.Throws<BuildException>(() => teacher.Show(["output1"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dictionary_is_refused_with_the_remedy()
        => Assert.Contains("return the answer, or a tuple", Refused(PathOf("dictionary.pt")), StringComparison.Ordinal);

    [Fact]
    public void Teacher_of_other_classes_is_refused_with_both_shapes()
        => Assert.Contains("shape (2, 3); it must be (2, 4)", Refused(PathOf("logits.pt"), classes: 4), StringComparison.Ordinal);

    [Fact]
    public void Teacher_for_other_samples_is_refused()
        => Assert.Contains("does not take samples of (3, 5)", Refused(PathOf("logits.pt"), [3, 5]), StringComparison.Ordinal);

    [Fact]
    public void File_that_is_not_TorchScript_is_refused_by_name()
    {
        File.WriteAllText(_folder["teacher.pt"], "PK not a model");
        Assert.Contains("teacher.pt is not a TorchScript file", Refused(_folder["teacher.pt"]), StringComparison.Ordinal);
        File.WriteAllBytes(_folder["cut.pt"], File.ReadAllBytes(PathOf("logits.pt"))[..3000]);
        Assert.Contains("cut.pt is not a TorchScript file", Refused(_folder["cut.pt"]), StringComparison.Ordinal);
        Assert.Contains("no such file", Refused(_folder["nowhere.pt"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Asking_leaves_no_tensor_behind()
    {
        using var teacher = new TorchScriptTeacher(PathOf("tuple.pt"), [2, 5], 3);
        teacher.Show(["output1"]);
        var rows = new float[2 * 23];
        teacher.Answer(Samples.Inputs, 2, rows);
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 20; i++) teacher.Answer(Samples.Inputs, 2, rows);
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
