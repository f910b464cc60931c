using Fleet.Contracts.Builds;
using Fleet.Modeling.Data;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Weights;

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
}
