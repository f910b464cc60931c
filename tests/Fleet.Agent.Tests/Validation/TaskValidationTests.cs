using Fleet.Agent.Tests.Inference;
using Fleet.Agent.Validation;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Agent.Tests.Validation;

/// <summary>Each task is measured on the device by its own metrics, in a real child process.</summary>
[Collection("validation processes")]
public sealed class TaskValidationTests : IDisposable
{
    private readonly ValidationBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public async Task Predicted_numbers_are_judged_by_their_error_in_the_unit_of_the_labels()
    {
        KeyValuePair<string, NpyArray>[] set = [
            new("x", NpyArray.Of([1f, 2, 3, 4, 5, 6], 2, 3)), new("labels", NpyArray.Of([2f, 4, 6, 8, 10, 15], 2, 3)),
        ];
        var expected = new Scores().With(Metric.RootMeanSquareError, 1, "cycles");
        var outcome = await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), set, ModelTask.Regression,
            [Threshold.Of(Metric.RootMeanSquareError, 1, "cycles")], expected: expected);
        Assert.Equal((DeploymentFailure.GateMissed, "RMSE 1.2247 cycles is above the allowed 1 cycles."),
            (outcome.Failure, outcome.Detail));
        Assert.Equal(0.5, outcome.Scores![Metric.MeanAbsoluteError]);
        Assert.Equal("cycles", outcome.Scores.Find("mae")!.Unit);
        Assert.Null(outcome.Scores.Accuracy);
    }

    [Fact]
    public async Task Several_labels_a_sample_are_judged_by_those_that_are_given()
    {
        // Twice the inputs are the logits: of five labels four are given, three of them rightly.
        KeyValuePair<string, NpyArray>[] set = [
            new("x", NpyArray.Of([1f, 1, -3, 1, 4, -1], 2, 3)), new("labels", NpyArray.Of([1L, 0, 1, 1, 1, 1], 2, 3)),
        ];
        var outcome = await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), set, ModelTask.MultiLabel,
            [Threshold.Of(Metric.MicroF1, 0.7)], expected: new Scores().With(Metric.MicroF1, 0.7));
        Assert.Equal((DeploymentFailure.GateMissed, "Micro F1 0.6667 is below the required 0.7."), (outcome.Failure, outcome.Detail));
        Assert.Equal(0.5555, outcome.Scores![Metric.MacroF1]!.Value, 3);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    public async Task Boxes_are_judged_by_mean_average_precision_whatever_the_batch(int batch)
    {
        // Gives back the boxes and scores of its inputs: three samples of two boxes each.
        var model = new OnnxFile()
            .Input("b", OnnxType.Float, batch, 2, 4).Input("s", OnnxType.Float, batch, 2, 2)
            .Output("boxes", OnnxType.Float, batch, 2, 4).Output("scores", OnnxType.Float, batch, 2, 2)
            .Node("Identity", ["b"], ["boxes"]).Node("Identity", ["s"], ["scores"])
            .Save(_bench.Folder[$"boxes-{batch}.onnx"]);
        float[] here = [0, 0, 10, 10], there = [20, 20, 30, 30], nowhere = [50, 50, 60, 60];
        float[] boxes = [.. here, .. there, .. here, .. nowhere, .. there, .. there];
        // Of the second column each: the first is the background.
        float[] scores = [0.1f, 0.9f, 0.2f, 0.8f, 0.3f, 0.7f, 0.4f, 0.6f, 0.99f, 0.01f, 0.99f, 0.01f];
        KeyValuePair<string, NpyArray>[] set =
        [
            new("b", NpyArray.Of(boxes, 3, 2, 4)), new("s", NpyArray.Of(scores, 3, 2, 2)),
            new("labels", NpyArray.Of([0L, 0, 0, -1, -1, -1], 3, 2)),
            new("labels.boxes", NpyArray.Of([.. here, .. there, .. here, .. new float[12]], 3, 2, 4)),
            new("reference.boxes", NpyArray.Of(boxes, 3, 2, 4)), new("reference.scores", NpyArray.Of(scores, 3, 2, 2)),
        ];
        var outcome = await ValidateAsync(
            model, set, ModelTask.Detection, [Threshold.Of(Metric.Map50To95, 0.99)], new DetectionForm { Background = 0 });
        Assert.Equal((DeploymentFailure.None, ""), (outcome.Failure, outcome.Detail));
        // The wrong box has the lowest score: precision falls only after everything was found.
        Assert.Equal((1, 1, 1, 1, 200),
            (outcome.Scores![Metric.Map50To95], outcome.Scores[Metric.Map50], outcome.Scores[Metric.BoxAgreement],
                outcome.Scores[Metric.Cosine], outcome.Scores[Metric.SignalToNoise]));
    }

    [Fact]
    public async Task Model_without_labels_is_held_to_what_the_float_model_gave()
    {
        KeyValuePair<string, NpyArray>[] set = [
            new("x", NpyArray.Of([1f, 2, 3, 6, 5, 4], 2, 3)), new("reference.y", NpyArray.Of([2f, 4, 6, 12, 10, 8], 2, 3)),
        ];
        var outcome = await ValidateAsync(
            TestModels.Scale(_bench.Folder.Path, 2.02f), set, ModelTask.Outputs, [Threshold.Of(Metric.SignalToNoise, 50)]);
        Assert.Equal((DeploymentFailure.GateMissed, "Signal to noise 40 dB is below the required 50 dB."),
            (outcome.Failure, outcome.Detail));
        Assert.Equal((1, 1), (outcome.Scores!.Agreement, Math.Round(outcome.Scores[Metric.Cosine]!.Value, 9)));
    }

    [Fact]
    public async Task Classifier_without_labels_is_held_to_the_decisions_of_the_float_model()
    {
        KeyValuePair<string, NpyArray>[] set = [
            new("x", NpyArray.Of([1f, 2, 3, 6, 5, 4], 2, 3)), new("reference.y", NpyArray.Of([2f, 4, 6, 8, 10, 8], 2, 3)),
        ];
        var outcome = await ValidateAsync(
            TestModels.Scale(_bench.Folder.Path, 2), set, ModelTask.Classification, [Threshold.Of(Metric.Agreement, 0.9)]);
        Assert.Equal((DeploymentFailure.GateMissed, "Agreement 0.5 is below the required 0.9."), (outcome.Failure, outcome.Detail));
        Assert.Null(outcome.Scores!.Accuracy);
    }

    [Fact]
    public async Task Anomalies_are_judged_by_labels_or_by_how_close_scores_are()
    {
        // Of two anomalies among four samples one lies below a normal one: three of four pairs are right.
        var model = new OnnxFile().Input("x", OnnxType.Float, -1, 1).Output("score", OnnxType.Float, -1, 1)
            .Node("Identity", ["x"], ["score"]).Save(Path.Combine(_bench.Folder.Path, "score.onnx"));
        var inputs = KeyValuePair.Create("x", NpyArray.Of([0.5f, 1.5f, 0.9f, 2f], 4, 1));
        var labelled = await ValidateAsync(model, [inputs, new("labels", NpyArray.Of([0L, 0, 1, 1], 4))], ModelTask.Anomaly,
            [Threshold.Of(Metric.RocAuc, 0.7), Threshold.Of(Metric.Recall, 0.6)]);
        Assert.Equal((0.75, 0.5, 0.5), (labelled.Scores![Metric.RocAuc], labelled.Scores[Metric.Recall], labelled.Scores[Metric.F1]));
        Assert.Equal(DeploymentFailure.GateMissed, labelled.Failure);
        var compared = await ValidateAsync(model, [inputs, new("reference.score", NpyArray.Of([0.5f, 1.5f, 0.9f, 2f], 4, 1))],
            ModelTask.Anomaly, [Threshold.Of(Metric.SignalToNoise, 100)]);
        Assert.Equal((1, DeploymentFailure.None), (compared.Scores![Metric.Agreement], compared.Failure));
    }

    [Fact]
    public async Task Vectors_are_judged_by_who_is_near_whom()
    {
        float[] vectors = [.. Enumerable.Range(0, 12).SelectMany(i => new[] { (float)Math.Cos(i), (float)Math.Sin(i), i / 10f })];
        KeyValuePair<string, NpyArray>[] set = [new("x", NpyArray.Of(vectors, 12, 3)), new("reference.y", NpyArray.Of(vectors, 12, 3))];
        var outcome = await ValidateAsync(
            TestModels.Scale(_bench.Folder.Path, 3), set, ModelTask.Embedding, [Threshold.Of(Metric.RecallAt10, 1)]);
        Assert.Equal(1, outcome.Scores![Metric.RecallAt10]);
    }

    [Theory]
    [InlineData(ModelTask.Regression, "labels", "f4", new[] { 2, 2 },
        "The outputs cannot be judged: Output 'y' has 3 values for a sample; the labels have 2.")]
    [InlineData(ModelTask.Regression, "labels", "f4", new[] { 3, 1 },
        "The validation set cannot be judged by: Array 'labels' holds [3,1] for 2 samples; its axes are samples, columns.")]
    [InlineData(ModelTask.Classification, "labels", "f4", new[] { 2 },
        "The validation set cannot be judged by: Array 'labels' holds f4; class numbers are integers.")]
    [InlineData(ModelTask.Detection, "labels", "i8", new[] { 2, 1 },
        "The validation set cannot be judged by: The labels for Detection lack the array 'labels.boxes': Left, top, right and bottom of "
            + "each box, in the unit of the model's own boxes.")]
    [InlineData(ModelTask.Outputs, "reference.y", "f4", new[] { 2, 2 },
        "The outputs cannot be judged: Output 'y' has 3 values for a sample; the float model gave 2.")]
    [InlineData(ModelTask.Outputs, "reference.y", "f4", new[] { 6 },
        "The validation set cannot be judged by: Array 'reference.y' holds [6]; its first extent must be the 2 samples.")]
    public async Task Set_that_does_not_have_the_form_of_the_task_fails_to_load(
        ModelTask task, string name, string type, int[] shape, string sentence)
    {
        var count = shape.Aggregate(1, (product, extent) => product * extent);
        var array = type == "f4" ? NpyArray.Of(new float[count], shape) : NpyArray.Of(new long[count], shape);
        var outcome = await ValidateAsync(
            TestModels.Scale(_bench.Folder.Path, 2), [new("x", NpyArray.Of([1f, 2, 3, 6, 5, 4], 2, 3)), new(name, array)], task, []);
        Assert.Equal((DeploymentFailure.LoadFailed, sentence), (outcome.Failure, outcome.Detail));
    }

    [Fact]
    public async Task Detector_without_the_outputs_of_its_form_fails_to_load()
    {
        KeyValuePair<string, NpyArray>[] set = [
            new("x", NpyArray.Of([1f, 2, 3], 1, 3)), new("labels", NpyArray.Of([0L], 1, 1)),
            new("labels.boxes", NpyArray.Of(new float[4], 1, 1, 4)),
        ];
        Assert.Equal("The model has no output 'boxes' to make boxes of; it has y.",
            (await ValidateAsync(TestModels.Scale(_bench.Folder.Path, 2), set, ModelTask.Detection, [])).Detail);
    }

    private Task<ValidationOutcome> ValidateAsync(
        string model, IEnumerable<KeyValuePair<string, NpyArray>> arrays, ModelTask task, IReadOnlyList<Threshold> thresholds,
        DetectionForm? detection = null, Scores? expected = null)
        => _bench.ValidateAsync(
            model, _bench.Save(arrays), new ValidationGate { Thresholds = thresholds }, TestContext.Current.CancellationToken, task,
            detection, expected);
}
