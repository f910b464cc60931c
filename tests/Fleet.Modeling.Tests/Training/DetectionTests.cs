using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Torch;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Onnx;
using Fleet.TestKit;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Training;

/// <summary>Networks that find boxes: laid out over a grid, learned, exported, distilled from detectors of any form.</summary>
public sealed class DetectionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DetectionTests() => NativeEnvironment.Prepare();

    public void Dispose() => _folder.Dispose();

    private static readonly TrainingSpec Spec = new() { Epochs = 16, BatchSize = 16, LearningRate = 1e-2 };

    private static Network Untrained(int width, int seed)
        => new(Families.Student("detector", width, [1, Shapes.Extent, Shapes.Extent], Families.HeadFor(Shapes.Data), 2),
            Normalization.Measure(Shapes.Data.Training), seed);

    private static IReadOnlyList<EpochReport> Train(Network network, IObjective? objective = null)
        => TrainingLoop.Run(network, Shapes.Data.Training, Shapes.Data.Validation, new TrainingPhase("student", Spec, 1, objective),
            new Progress(new IgnoredProgress(), "step", 0, 1), CancellationToken.None);

    private static double At50(Network network)
        => Shapes.Data.Test.Labels.Score(network.Outputs(Shapes.Data.Test, CancellationToken.None))[1].Value;

    [Fact]
    public void Boxes_laid_out_over_the_grid_are_the_boxes_that_are_read_back()
    {
        var labels = (BoxLabels)Shapes.Data.Training.Labels;
        var score = labels.Score(labels.Answers());
        Assert.Equal(("map50To95", 1.0), (score[0].Name, score[0].Value));
        // Corners of a cell without a box span nothing; a score alone is not a box.
        var answers = labels.Answers();
        Array.Fill(answers, 0, 0, labels.Grid.Corners);
        Assert.True(labels.Pick([0]).Score(answers.AsSpan(0, labels.Grid.Width))[0].Value == 0);
    }

    [Fact]
    public void Cell_that_two_boxes_claim_belongs_to_the_smaller_one()
    {
        var answer = new float[Shapes.Grid.Width];
        Box large = new(0.1f, 0.1f, 0.9f, 0.9f), small = new(0.4f, 0.4f, 0.6f, 0.6f);
        Shapes.Grid.Write([new DetectedBox(small, 1, 0.7f), new DetectedBox(large, 0, 1)], answer);
        var centre = Shapes.Grid.Cells / 2 + Shapes.Grid.Columns / 2;
        Assert.Equal([0.4f, 0.4f, 0.6f, 0.6f], answer.AsSpan(4 * centre, 4).ToArray());
        Assert.Equal([0, 0.7f], answer.AsSpan(Shapes.Grid.Corners + 2 * centre, 2).ToArray());
    }

    [Fact]
    public void Box_smaller_than_a_cell_still_has_one()
    {
        var answer = new float[Shapes.Grid.Width];
        Shapes.Grid.Write([new DetectedBox(new Box(0.501f, 0.501f, 0.502f, 0.502f), 0, 1)], answer);
        Assert.Equal(1, answer.AsSpan(Shapes.Grid.Corners).ToArray().Sum());
    }

    [Fact]
    public void Loss_is_that_of_its_papers()
    {
        var grid = new DetectionGrid(1, 2, 1);
        using var scope = NewDisposeScope();
        // One cell has a box of half the width, found at half its size and with a score of 0.5; the other has none and says 0.2.
        var answers = tensor(new[] { 0, 0, 0.25f, 1, 0, 0, 1, 1, 0.5f, 0.2f }, [1, 10]);
        var wanted = tensor(new[] { 0, 0, 0.5f, 1, 0, 0, 0, 0, 1, 0 }, [1, 10]);
        var found = 0.25 * -Math.Log(0.5) + 0.04 * -Math.Log(0.8);
        var placed = 2 * (1 - 0.5) + 5 * (0.25 / 4);
        Assert.Equal(found + placed, new BoxLoss(grid).Of(answers, wanted).ToDouble(), 5);
        Assert.InRange(new BoxLoss(grid).Of(wanted, wanted).ToDouble(), 0, 1e-4);
    }

    [Fact]
    public void Shapes_are_found_and_the_exported_file_finds_them_too()
    {
        using var network = Untrained(8, 1);
        var epochs = Train(network);
        Assert.Equal(("map50To95", MetricDirection.Higher), (epochs[0].Reached().Name, epochs[0].Reached().Better));
        Assert.InRange(At50(network), 0.8, 1);
        Assert.InRange(CheckedExport.Write(network, _folder["m.onnx"], Shapes.Data.Test), 0, 1e-4);
        using var session = OnnxRuntimeSession.Open(_folder["m.onnx"]);
        Assert.Equal(["boxes", "scores"], session.OutputNames);
        Assert.Equal([-1, 36, 4], session.OutputMetadata["boxes"].Dimensions);
        Assert.Equal([-1, 36, 2], session.OutputMetadata["scores"].Dimensions);
    }

    [Fact]
    public void Student_learns_boxes_from_a_teacher_alone_whatever_the_teachers_form()
    {
        using var trained = Untrained(12, 7);
        Train(trained);
        CheckedExport.Write(trained, _folder["own.onnx"], Shapes.Data.Test);
        WithBackground(_folder["own.onnx"], _folder["teacher.onnx"]);
        var form = new DetectionForm { Boxes = "corners", Scores = "confidence", Background = 0 };
        using var teacher = new OnnxTeacher(_folder["teacher.onnx"], [1, Shapes.Extent, Shapes.Extent], new BoxOutputs(form, Shapes.Grid));
        var distillation = new DistillationSpec { Losses = [new LossSpec { Loss = "output" }], Labels = 0, Training = Spec };
        using var student = Untrained(6, 2);
        using var answers = new TeacherOutputs(
            teacher, Shapes.Data.Training, [], Augmentation.Of(Spec, Shapes.Data.Training, 1), 1, _folder["outputs"]);
        using var losses = new LossSum(distillation, student.Plan.Features(), [], Shapes.Grid.Width, Shapes.Data.Training.Labels, 1, CPU);
        Train(student, new TeacherObjective(answers, losses));
        Assert.InRange(At50(student), 0.7, 1);
    }

    [Fact]
    public void Teacher_without_the_named_outputs_is_refused_with_those_it_has()
    {
        using var network = Untrained(4, 1);
        CheckedExport.Write(network, _folder["own.onnx"], Shapes.Data.Test);
        var refused = Assert.Throws<BuildException>(() => new OnnxTeacher(_folder["own.onnx"], [1, Shapes.Extent, Shapes.Extent],
            new BoxOutputs(new DetectionForm { Boxes = "corners" }, Shapes.Grid)));
        Assert.Contains("no output 'corners' to make boxes of; it has boxes, scores", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_of_a_detector_is_judged_gated_and_reported_by_mean_average_precision()
    {
        var samples = Shapes.Samples(480, 4);
        using (var file = File.Create(_folder["data.npz"]))
            NpzArchive.Write(file,
                [new("x", NpyArray.Of(samples.Inputs, 480, 1, Shapes.Extent, Shapes.Extent)), .. samples.Labels.ToArrays()]);
        var training = Spec with { Epochs = 8 };
        var spec = new BuildSpec
        {
            Model = "shapes",
            Data = new DataSpec { Kind = "npz", Train = _folder["data.npz"], Task = ModelTask.Detection, Classes = ["square", "cross"] },
            Teacher = new TeacherSpec { Family = "detector", Width = 12, Depth = 2, Training = training },
            Student = new StudentSpec { Family = "detector", Width = 8, Depth = 2 },
            Distillation = new DistillationSpec { Training = training },
            Quantization = new QuantizationSpec { CalibrationSamples = 32, Profiles = ["x64"] },
        };
        var report = new Build(TimeProvider.System).Run(spec, _folder["build"], new IgnoredProgress(), CancellationToken.None).Report;
        Assert.Equal((ModelTask.Detection, 0.5), (report.Task, report.Detection!.MaximumOverlap!.Value));
        Assert.Equal(["boxes", "scores"], report.Outputs.Select(output => output.Name));
        Assert.Equal(["square", "cross"], report.Classes);
        Assert.All(new[] { report.Teacher!.Scores, report.Student.Scores }, scores => Assert.InRange(scores.Find("map50")!.Value, 0.5, 1));
        var variant = report.Variants.First(variant => variant.Accepted && variant.Scheme != "fp32");
        var precision = variant.Scores!.Find("map50To95")!.Value;
        Assert.InRange(precision, report.Student.Scores.Find("map50To95")!.Value - 0.05, 1);
        var gate = spec.Gate.For(ModelTask.Detection, variant.Scores).Thresholds.Single(threshold => threshold.Metric == "map50To95");
        Assert.InRange(gate.Minimum!.Value, 0.1, precision);
    }

    // The same detector in another form: other names, and a first column for "nothing here".
    private static void WithBackground(string from, string to)
    {
        var model = OnnxFile.Load(from);
        foreach (var node in model.Graph.Node)
        {
            if (node.Output[0] == "boxes") node.Output[0] = "corners";
        }
        model.Graph.Initializer.Add(Tensors.Of("one", [1f]));
        model.Graph.Node.Add(Nodes.Node("ReduceMax", ["scores"], ["largest"], "largest").With("axes", [2L]));
        model.Graph.Node.Add(Nodes.Node("Sub", ["one", "largest"], ["nothing"], "nothing"));
        model.Graph.Node.Add(Nodes.Node("Concat", ["nothing", "scores"], ["confidence"], "confidence").With("axis", 2L));
        model.Graph.Output[0].Name = "corners";
        model.Graph.Output[1].Name = "confidence";
        model.Graph.Output[1].Type.TensorType.Shape.Dim[2].DimValue = 3;
        OnnxFile.Save(model, to);
    }
}
