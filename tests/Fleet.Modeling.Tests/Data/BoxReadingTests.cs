using Fleet.Contracts.Builds;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.Data;

/// <summary>Boxes from files: what is taken, and what is refused with its sample.</summary>
public sealed class BoxReadingTests : IDisposable
{
    private const int Samples = 40;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private DataSpec Spec => new() { Kind = "npz", Train = _folder["data.npz"], Task = ModelTask.Detection };

    /// <summary>Two places for boxes in each image, of which each second image fills one.</summary>
    private DataSpec Written(Action<long[], float[]>? change = null, bool boxes = true)
    {
        var (classes, corners) = (new long[2 * Samples], new float[8 * Samples]);
        Array.Fill(classes, -1);
        for (var sample = 0; sample < Samples; sample += 2)
        {
            classes[2 * sample] = sample / 2 % 2;
            ReadOnlySpan<float> box = [0.25f, 0.25f, 0.5f, 0.75f];
            box.CopyTo(corners.AsSpan(8 * sample));
        }
        change?.Invoke(classes, corners);
        using var file = File.Create(_folder["data.npz"]);
        List<KeyValuePair<string, NpyArray>> arrays = [
            new("image", NpyArray.Of(new float[Samples * 16 * 16], Samples, 16, 16)), new("labels", NpyArray.Of(classes, Samples, 2)),
        ];
        if (boxes) arrays.Add(new("labels.boxes", NpyArray.Of(corners, Samples, 2, 4)));
        NpzArchive.Write(file, arrays);
        return Spec;
    }

    private static string RefusalOf(DataSpec spec) => Assert.Throws<BuildException>(() => DataSets.Load(spec, 3, 1)).Message;

    [Fact]
    public void Places_without_a_box_are_left_out_and_classes_get_their_numbers_for_names()
    {
        var data = DataSets.Load(Written(), 3, 1);
        Assert.Equal(["0", "1"], data.Classes);
        Assert.Equal([1, 16, 16], data.Training.SampleShape);
        var all = new[] { data.Training, data.Validation, data.Test }.SelectMany(set => ((BoxLabels)set.Labels).Boxes).ToList();
        Assert.Equal((Samples, Samples / 2), (all.Count, all.Sum(boxes => boxes.Count)));
        Assert.Equal(2 * 2 * (4 + 2), data.Columns);
    }

    [Fact]
    public void Corners_in_pixels_are_refused_with_their_sample()
        => Assert.Contains("has the box 4, 4, 8, 12 at sample 2 (counted from 0); left, top, right and bottom are shares of the image",
            RefusalOf(Written((_, corners) => new float[] { 4, 4, 8, 12 }.CopyTo(corners, 16))), StringComparison.Ordinal);

    [Fact]
    public void Corners_the_wrong_way_about_are_refused()
        => Assert.Contains("has the box 0.5, 0.25, 0.25, 0.75 at sample 0",
            RefusalOf(Written((_, corners) => (corners[0], corners[2]) = (corners[2], corners[0]))), StringComparison.Ordinal);

    [Fact]
    public void Class_beyond_those_named_is_refused()
        => Assert.Contains("boxes are of class 0 to 0 for 1 classes",
            RefusalOf(Written() with { Classes = ["face"] }), StringComparison.Ordinal);

    [Fact]
    public void File_without_any_box_is_refused()
        => Assert.Contains("has no box in any sample",
            RefusalOf(Written((classes, _) => Array.Fill(classes, -1))), StringComparison.Ordinal);

    [Fact]
    public void Boxes_and_task_belong_together()
    {
        Assert.Contains("holds boxes ('labels.boxes'): set data.task to 'detection'",
            RefusalOf(Written() with { Task = null }), StringComparison.Ordinal);
        Assert.Contains("holds no boxes: data.task 'detection' needs them as 'labels.boxes'",
            RefusalOf(Written(boxes: false)), StringComparison.Ordinal);
    }

    [Fact]
    public void Validation_set_holds_the_boxes_that_were_read()
    {
        var labels = (BoxLabels)DataSets.Load(Written(), 3, 1).Test.Labels;
        var arrays = labels.ToArrays();
        Assert.Equal([labels.Count, 1], arrays["labels"].Shape);
        Assert.Equal([labels.Count, 1, 4], arrays["labels.boxes"].Shape);
        Assert.Equal(labels.Boxes.Sum(boxes => boxes.Count), arrays["labels"].ToInt64s().Count(kind => kind >= 0));
    }
}
