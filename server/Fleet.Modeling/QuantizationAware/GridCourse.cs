using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>What training on a grid works with.</summary>
/// <param name="Student">The distilled student, prepared.</param>
/// <param name="Data">Samples.</param>
/// <param name="Teacher">The teacher; null for a method that asks none.</param>
/// <param name="Spec">Method, epochs, learning rate.</param>
/// <param name="Distillation">Temperature and weight of the teacher; batch size, weight decay, augmentation.</param>
/// <param name="CalibrationSamples">Training samples that the search of the first grids looks at.</param>
/// <param name="Seed">Seed of order and augmentation.</param>
/// <param name="Checkpoint">Where the training is kept in case the process ends; null for nowhere.</param>
internal sealed record GridCourse(
    PreparedModel Student, DataSet Data, ITeacherModel? Teacher, QuantizationAwareSpec Spec, DistillationSpec Distillation,
    int CalibrationSamples, int Seed, Checkpoint? Checkpoint = null)
{
    /// <summary>Bits.</summary>
    public BitWidths Widths => new(Spec.WeightBits, Spec.ActivationBits, Spec.EndBits);

    /// <summary>A student's file as a grid in the integers of <paramref name="form"/> takes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="form">The integers; where activations are symmetric, tables stay float.</param>
    /// <param name="workFolder">For scratch files.</param>
    public static PreparedModel StudentOf(string path, IntegerForm form, string workFolder)
        => FrontEndMark.Without(PreparedModel.From(path, workFolder)) is var student && form.Symmetric
            ? student : EmbeddingTables.Rounded(student);

    /// <summary>The file of a network whose grid was not trained: its size does not depend on what was learned.</summary>
    public static ModelProto Untrained(
        string path, DataSet data, IntegerForm form, int weightBits, string workFolder, CancellationToken cancellationToken)
    {
        const int Samples = 32;
        var course = new GridCourse(StudentOf(path, form, workFolder), data, null,
            new QuantizationAwareSpec { WeightBits = weightBits, Method = "qat" }, new DistillationSpec(), Samples, 0);
        var plan = QuantizationPlan.For(course.Student.Graph, form, new HashSet<string>());
        var scheme = new TrainedGridScheme(course.Spec.Method, course.Widths, form, course.Student,
            QuantizationAwareTraining.Start(course, plan, form, cancellationToken));
        return FrontEndMark.Before(scheme.Model(), PreparedModel.From(path, workFolder).Graph);
    }
}
