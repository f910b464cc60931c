using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Contracts.Tests.Scoring;

public sealed class DetectionScoreTests
{
    private static readonly Box Here = new(10, 20, 15, 25);

    [Fact]
    public void Box_that_overlaps_by_0_776_counts_up_to_0_75_as_torchmetrics_documents()
    {
        // The example of torchmetrics' documentation: map 0.6, map_50 1.0.
        var score = Of((Found: [Detected(0, 0.536f, 258, 41, 606, 285)], Truth: [True(0, 214, 41, 562, 285)]));
        Assert.Equal(304.0 / 392, new Box(258, 41, 606, 285).Overlap(new Box(214, 41, 562, 285)), 9);
        Assert.Equal(1, score.At50!.Value, 9);
        Assert.Equal(0.6, score.At50To95!.Value, 9);
    }

    /// <summary>Four pictures of COCO; pycocotools' figures for them as torchmetrics' tests publish them: 0.637 and 0.859.</summary>
    [Fact]
    public void Four_pictures_of_coco_score_what_pycocotools_says()
    {
        var score = Of(
            (Found: [Detected(4, 0.236f, 258.15f, 41.29f, 606.41f, 285.07f)], Truth: [True(4, 214.15f, 41.29f, 562.41f, 285.07f)]),
            (Found: [Detected(3, 0.318f, 61.00f, 22.75f, 565.00f, 632.42f), Detected(2, 0.726f, 12.66f, 3.32f, 281.26f, 275.23f)],
             Truth: [True(2, 13.00f, 22.75f, 548.98f, 632.42f), True(2, 1.66f, 3.32f, 270.26f, 275.23f)]),
            (Found:
             [
                 Detected(4, 0.546f, 87.87f, 276.25f, 384.29f, 379.43f), Detected(1, 0.3f, 0.00f, 3.66f, 142.15f, 316.06f),
                 Detected(0, 0.407f, 296.55f, 93.96f, 314.97f, 152.79f), Detected(0, 0.611f, 328.94f, 97.05f, 342.49f, 122.98f),
                 Detected(0, 0.335f, 356.62f, 95.47f, 372.33f, 147.55f), Detected(0, 0.805f, 464.08f, 105.09f, 495.74f, 146.99f),
                 Detected(0, 0.953f, 276.11f, 103.84f, 291.44f, 150.72f),
             ],
             Truth:
             [
                 True(4, 61.87f, 276.25f, 358.29f, 379.43f), True(1, 2.75f, 3.66f, 162.15f, 316.06f),
                 True(0, 295.55f, 93.96f, 313.97f, 152.79f),
                 True(0, 326.94f, 97.05f, 340.49f, 122.98f), True(0, 356.62f, 95.47f, 372.33f, 147.55f),
                 True(0, 462.08f, 105.09f, 493.74f, 146.99f),
                 True(0, 277.11f, 103.84f, 292.44f, 150.72f),
             ]),
            (Found:
             [
                 Detected(49, 0.532f, 72.92f, 45.96f, 91.23f, 80.57f), Detected(49, 0.204f, 45.17f, 45.34f, 66.28f, 79.83f),
                 Detected(49, 0.782f, 82.28f, 47.04f, 99.66f, 78.50f), Detected(49, 0.202f, 59.96f, 46.17f, 80.35f, 80.48f),
                 Detected(49, 0.883f, 75.29f, 23.01f, 91.85f, 50.85f), Detected(49, 0.271f, 71.14f, 1.10f, 96.96f, 28.33f),
                 Detected(49, 0.561f, 61.34f, 55.23f, 77.14f, 79.57f), Detected(49, 0.204f, 41.17f, 45.78f, 60.99f, 78.48f),
                 Detected(49, 0.349f, 56.18f, 44.80f, 64.42f, 56.25f),
             ],
             Truth:
             [
                 True(49, 72.92f, 45.96f, 91.23f, 80.57f), True(49, 50.17f, 45.34f, 71.28f, 79.83f),
                 True(49, 81.28f, 47.04f, 98.66f, 78.50f),
                 True(49, 63.96f, 46.17f, 84.35f, 80.48f), True(49, 75.29f, 23.01f, 91.85f, 50.85f),
                 True(49, 56.39f, 21.65f, 75.66f, 45.54f),
                 True(49, 73.14f, 1.10f, 98.96f, 28.33f), True(49, 62.34f, 55.23f, 78.14f, 79.57f),
                 True(49, 44.17f, 45.78f, 63.99f, 78.48f),
                 True(49, 58.18f, 44.80f, 66.42f, 56.25f),
             ]));
        Assert.Equal(0.637, score.At50To95!.Value, 0.0006);
        Assert.Equal(0.859, score.At50!.Value, 0.0006);
    }

    [Fact]
    public void Box_that_was_missed_leaves_the_recall_points_above_one_half_empty()
        => Assert.Equal(51.0 / 101,
            Of((Found: [new DetectedBox(Here, 0, 0.9f)], Truth: [new TrueBox(Here, 0)]),
                (Found: [], Truth: [new TrueBox(Here, 0)])).At50To95!.Value, 9);

    [Fact]
    public void Box_where_nothing_is_halves_the_precision_of_all_that_score_lower()
        => Assert.Equal(0.5, Of((Found: [new DetectedBox(Here, 0, 0.9f)], Truth: [new TrueBox(Here, 0)]),
            (Found: [new DetectedBox(Here, 0, 0.95f)], Truth: [])).At50To95!.Value, 9);

    [Fact]
    public void Second_box_on_the_same_object_is_wrong()
        => Assert.Equal(0.5, Of((Found: [new DetectedBox(Here, 0, 0.9f), new DetectedBox(Here, 0, 0.8f)],
            Truth: [new TrueBox(Here, 0), new TrueBox(new Box(50, 50, 60, 60), 0)])).At50!.Value, 0.01);

    [Fact]
    public void Weight_counts_a_picture_as_often_as_it_would_stand_there()
    {
        (DetectedBox[], TrueBox[]) right = ([new(Here, 0, 0.9f), new(Here, 0, 0.5f)], [new(Here, 0)]);
        (DetectedBox[], TrueBox[]) wrong = ([new(new Box(50, 50, 60, 60), 0, 0.95f)], [new(Here, 0)]);
        Assert.Equal(Of(right, right, right, wrong).Of(SampleWeights.Equal), Of(right, wrong).Of(new SampleWeights([3, 1])));
        Assert.Equal(Of(right).Of(SampleWeights.Equal), Of(right, wrong).Of(new SampleWeights([1, 0])));
        Assert.Null(Of(right).Of(new SampleWeights([0])));
    }

    [Fact]
    public void Class_without_a_true_box_does_not_count()
        => Assert.Equal(1, Of((Found: [new DetectedBox(Here, 0, 0.9f), new DetectedBox(Here, 7, 0.9f)],
            Truth: [new TrueBox(Here, 0)])).At50!.Value);

    [Fact]
    public void Without_any_true_box_there_is_nothing_to_say()
        => Assert.Null(Of((Found: [new DetectedBox(Here, 0, 0.9f)], Truth: [])).At50);

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Corner_that_is_not_a_number_overlaps_nothing(float corner)
    {
        Assert.Equal(0, new Box(0, 0, corner, 10).Overlap(new Box(0, 0, 10, 10)));
        Assert.Equal(0, new Box(0, 0, 10, 10).Overlap(new Box(corner, 0, 5, 10)));
    }

    [Fact]
    public void Columns_of_scores_are_classes_and_the_background_is_none()
    {
        var form = new DetectionForm { Background = 0, MinimumScore = 0.3 };
        var boxes = DetectionReader.Read(form, [0, 0, 1, 1, 2, 2, 3, 3], [0.9f, 0.1f, 0.0f, 0.1f, 0.4f, 0.5f], []);
        Assert.Equal([(1, 0.5f), (0, 0.4f)], boxes.Select(box => (box.Class, box.Score)));
        Assert.All(boxes, box => Assert.Equal(new Box(2, 2, 3, 3), box.Box));
    }

    [Fact]
    public void Of_boxes_that_overlap_the_best_of_each_class_stays()
    {
        var form = new DetectionForm { Labels = "classes", MaximumOverlap = 0.5 };
        var boxes = DetectionReader.Read(
            form, [0, 0, 10, 10, 0, 0, 10, 9, 0, 0, 10, 10, 20, 20, 30, 30], [0.6f, 0.9f, 0.5f, 0.7f], [0, 0, 1, 0]);
        Assert.Equal([(0, 0.9f), (0, 0.7f), (1, 0.5f)], boxes.Select(box => (box.Class, box.Score)));
    }

    [Fact]
    public void Outputs_that_do_not_belong_together_are_refused()
    {
        Assert.Throws<FormatException>(() => DetectionReader.Read(new DetectionForm(), [0, 0, 1, 1, 2], [1], []));
        Assert.Throws<FormatException>(() => DetectionReader.Read(new DetectionForm(), [0, 0, 1, 1, 2, 2, 3, 3], [1, 2, 3], []));
        Assert.Throws<FormatException>(() => DetectionReader.Read(new DetectionForm(), [0, 0, 1, 1], [1], [1, 2]));
        Assert.Throws<FormatException>(() => DetectionReader.Read(new DetectionForm(), [0, 0, 1, 1], [1, 2], [1]));
    }

    [Fact]
    public void Score_that_is_not_a_number_is_not_a_box()
        => Assert.Empty(DetectionReader.Read(new DetectionForm(), [0, 0, 1, 1], [float.NaN], []));

    [Fact]
    public void Truth_ends_where_labels_are_negative()
        => Assert.Equal([new TrueBox(new Box(0, 0, 1, 1), 3)], DetectionReader.ReadTruth([0, 0, 1, 1, 0, 0, 0, 0], [3, -1]));

    [Theory]
    [InlineData(null, null)]
    [InlineData(0, 0.5)]
    [InlineData(2, 0.3)]
    public void Detector_agrees_with_its_own_boxes_in_full(int? background, double? maximumOverlap)
    {
        // Boxes as an anchor detector gives them: thousands, crowded, tiny ones among them, with all scores from nothing to certainty.
        const int Samples = 4, Boxes = 4420, Columns = 3;
        var random = new Random(7);
        var scores = new float[Samples * Boxes * Columns];
        for (var i = 0; i < scores.Length; i++) scores[i] = (float)Math.Pow(random.NextDouble(), 3);
        var boxes = new float[Samples * Boxes * 4];
        for (var i = 0; i < boxes.Length; i += 4)
        {
            // Every fourth is turned inside out: no box overlaps it, not even itself.
            var (x, y, size) = (random.NextSingle(), random.NextSingle(), (0.01f + 0.3f * random.NextSingle()) * (i % 16 == 0 ? -1 : 1));
            (boxes[i], boxes[i + 1], boxes[i + 2], boxes[i + 3]) = (x - size, y - size, x + size, y + size);
        }
        var truth = SampleTruth.Read(
            ModelTask.Detection,
            new Dictionary<string, NpyArray>
            {
                ["reference.boxes"] = NpyArray.Of(boxes, Samples, Boxes, 4),
                ["reference.scores"] = NpyArray.Of(scores, Samples, Boxes, Columns),
            },
            Samples);
        var form = new DetectionForm { Background = background, MaximumOverlap = maximumOverlap };
        var score = TaskScore.For(truth, ["scores", "boxes"], form);
        for (var sample = 0; sample < Samples; sample++)
        {
            var number = sample;
            score.Add((string name, out int columns) =>
            {
                columns = name == "boxes" ? 4 : Columns;
                return truth.RowOf(name == "boxes" ? boxes : scores, number);
            });
        }
        Assert.Equal(1, Assert.Single(score.Measured(), value => value.Name == Metric.BoxAgreement.Name).Value, 9);
    }

    private static DetectionScore Of(params (DetectedBox[] Found, TrueBox[] Truth)[] samples)
    {
        var score = new DetectionScore();
        foreach (var (found, truth) in samples) score.Add(found, truth);
        return score;
    }

    private static DetectedBox Detected(int label, float score, float left, float top, float right, float bottom)
        => new(new Box(left, top, right, bottom), label, score);

    private static TrueBox True(int label, float left, float top, float right, float bottom)
        => new(new Box(left, top, right, bottom), label);
}
