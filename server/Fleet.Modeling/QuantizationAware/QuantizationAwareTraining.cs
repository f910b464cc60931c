using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Modeling.Data;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>Trains a student on the grid it will be stored in.</summary>
internal static class QuantizationAwareTraining
{
    /// <summary>QKD weighs labels and teacher alike (equation 6 of the paper has no weights).</summary>
    private const double EqualShares = 0.5;

    /// <summary>Samples on which the exported model is compared with the trained one.</summary>
    private const int ComparedSamples = 1000;

    /// <summary>Share of them that may be decided otherwise: sums in another order now and then round the other way.</summary>
    private const double LargestDisagreement = 0.001;

    /// <summary>The same for values, in deviations of the labels.</summary>
    private const double LargestDifference = 0.01;

    /// <summary>Trains in the integers of <paramref name="form"/> and checks that the exported model answers as the trained one.</summary>
    /// <returns>The trained network, ready to be written, and one point for each epoch.</returns>
    /// <exception cref="BuildException">The student or, for QKD, the teacher holds an operator that cannot be trained here.</exception>
    public static (TrainedGridScheme Scheme, IReadOnlyList<EpochReport> Epochs) Train(
        GridCourse course, IntegerForm form, string workFolder, Progress progress, CancellationToken cancellationToken)
    {
        var plan = QuantizationPlan.For(course.Student.Graph, form, new HashSet<string>());
        using var graph = new TrainableGraph(course.Student, plan, form, Start(course, plan, form, cancellationToken));
        var epochs = Study(graph, course, workFolder, progress, cancellationToken);
        var scheme = new TrainedGridScheme(course.Spec.Method, course.Widths, form, graph.Model(), graph.Grids());
        Compare(graph, scheme, course.Data.Test.Take(ComparedSamples));
        return (scheme, epochs);
    }

    /// <summary>The grids before training.</summary>
    public static GridScales Start(GridCourse course, QuantizationPlan plan, IntegerForm form, CancellationToken cancellationToken)
    {
        var samples = course.Data.Training.Take(course.CalibrationSamples).Feeds(course.Student.Graph.Graph.Input[0].Name);
        var histograms = CalibrationRun.Count(course.Student.Model, [.. plan.CalibratedValues], samples, 32, cancellationToken);
        return StartingGrids.Search(course.Student.Graph, plan, form, course.Widths, histograms);
    }

    /// <summary>Takes a graph, rounding or not, through the phases of the method.</summary>
    public static IReadOnlyList<EpochReport> Study(
        TrainableGraph graph, GridCourse course, string workFolder, Progress progress, CancellationToken cancellationToken)
    {
        var (spec, training) = (course.Spec, course.Distillation.Training);
        TeacherOutputs Frozen(ITeacherModel teacher)
            => new(teacher, course.Data.Training, [], Augmentation.Of(training, course.Data.Training, course.Seed),
                new Course(spec.Epochs, 1).Views(course.Distillation, course.Data.Training.Count),
                Path.Combine(workFolder, "teacher-outputs"));
        var settings = new StudySettings(training with { LearningRate = spec.LearningRate }, course.Seed, course.Distillation.Temperature,
            spec.Method == "qkd" ? EqualShares : course.Distillation.Alpha, course.Checkpoint);
        IReadOnlyList<EpochReport> Run(IReadOnlyList<StudyPhase> phases)
            => StudyLoop.Run(graph, course.Data.Training, course.Data.Validation, phases, settings, progress, cancellationToken);
        switch (spec.Method)
        {
            case "qat":
                return Run([new StudyPhase("qat", spec.Epochs)]);
            case "qat-distillation":
                return Run([new StudyPhase("qat-distillation", spec.Epochs) { Teacher = () => Frozen(course.Teacher!) }]);
            default:
                using (var companion = new TrainableGraph(PreparedModel.From(course.Teacher!.Path, workFolder)))
                using (var tutor = new Tutor(companion, course, Path.Combine(workFolder, "tutor.onnx")))
                {
                    return Run(
                    [
                        new StudyPhase("self-studying", spec.Phases.SelfStudying),
                        new StudyPhase("co-studying", spec.Phases.CoStudying) { Companion = companion },
                        new StudyPhase("tutoring", spec.Phases.Tutoring) { Teacher = () => Frozen(tutor.Leave()) },
                    ]);
                }
        }
    }

    /// <summary>
    /// Runs the file as its operators are defined, without the runtime's rewriting: what is compared is the file. In the forms
    /// of processors the integer kernels give the same numbers; a test holds them to it.
    /// </summary>
    private static void Compare(TrainableGraph graph, TrainedGridScheme scheme, SampleSet samples)
    {
        var expected = new ModelOutputs(graph.Outputs(samples, CancellationToken.None), samples.Count);
        using var session = OnnxRuntimeSession.Open(scheme.Model().ToByteArray(), scheme.Name, GraphOptimizationLevel.ORT_DISABLE_ALL);
        var exported = ModelOutputs.Of(session, samples.Feeds(session.InputNames[0]), CancellationToken.None);
        if (samples.Labels is ValueLabels values)
        {
            CompareValues(scheme, exported, expected, values);
            return;
        }
        var agreement = Judgement.Agreement(exported, expected);
        if (agreement < 1 - Math.Max(LargestDisagreement, 1.0 / samples.Count))
            throw new BuildException(string.Create(CultureInfo.InvariantCulture,
                $"The exported {scheme.Name} decides only {agreement:P2} of the samples as the network that was trained. This is a fault "
                    + $"of the exporter: report it with the build spec."));
    }

    private static void CompareValues(TrainedGridScheme scheme, ModelOutputs exported, ModelOutputs expected, ValueLabels labels)
    {
        var difference = RegressionScore.RootMeanSquareError(exported.Values, expected.Values);
        var allowed = LargestDifference * labels.Deviation().Max();
        if (!(difference <= allowed))
            throw new BuildException(string.Create(CultureInfo.InvariantCulture,
                $"The exported {scheme.Name} answers {difference:g3} beside the network that was trained; {allowed:g3} is allowed. This is "
                    + $"a fault of the exporter: report it with the build spec."));
    }

    /// <summary>A companion that stops learning and goes on as a file: the runtime answers faster than the trainer.</summary>
    private sealed class Tutor(TrainableGraph companion, GridCourse course, string path) : IDisposable
    {
        private OnnxTeacher? _left;

        public OnnxTeacher Leave()
        {
            OnnxFile.Save(companion.Model().Model, path);
            return _left = new OnnxTeacher(
                path, course.Data.Training.SampleShape, course.Data.Columns, course.Data.Training.Vocabulary is not null);
        }

        public void Dispose()
        {
            _left?.Dispose();
            File.Delete(path);
        }
    }
}
