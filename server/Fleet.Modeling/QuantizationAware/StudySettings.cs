using Fleet.Contracts.Builds;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>One phase of training on a grid. It learns from the labels, and from a teacher where it has one.</summary>
/// <param name="Name">Name in the report.</param>
/// <param name="Epochs">Passes over the training samples.</param>
internal sealed record StudyPhase(string Name, int Epochs)
{
    /// <summary>A teacher that is trained along with the student; each learns from the other. One for all phases that have one.</summary>
    public TrainableGraph? Companion { get; init; }

    /// <summary>A teacher that stays as it is. Asked for when the phase begins: the phase before may have trained it.</summary>
    public Func<TeacherOutputs>? Teacher { get; init; }
}

/// <summary>How a student is trained on a grid.</summary>
/// <param name="Training">Batch size, learning rate, weight decay, augmentation.</param>
/// <param name="Seed">Seed of order and augmentation.</param>
/// <param name="Temperature">Softens the distributions of student and teacher.</param>
/// <param name="Alpha">Weight of the teacher against the labels.</param>
/// <param name="Checkpoint">Where it is kept in case the process ends; null for nowhere.</param>
internal sealed record StudySettings(TrainingSpec Training, int Seed, double Temperature, double Alpha, Checkpoint? Checkpoint = null);
