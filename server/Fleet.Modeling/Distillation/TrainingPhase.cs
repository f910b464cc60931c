using Fleet.Contracts.Builds;
using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Teachers;

namespace Fleet.Modeling.Distillation;

/// <summary>One run of the training loop.</summary>
/// <param name="Name"><c>teacher</c>, <c>distillation</c> or <c>fine-tuning</c>.</param>
/// <param name="Training">Epochs, batch size, learning rate.</param>
/// <param name="Seed">Seed of order and augmentation.</param>
/// <param name="Targets">The teacher to learn from; null for the labels alone.</param>
/// <param name="Checkpoint">Where it is kept in case the process ends; null for nowhere.</param>
internal sealed record TrainingPhase(string Name, TrainingSpec Training, int Seed, DistillationTargets? Targets = null, Checkpoint? Checkpoint = null);

/// <summary>What a student learns from.</summary>
/// <param name="Teacher">What the teacher says about the training samples.</param>
/// <param name="Losses">How far the student is from it and from the labels.</param>
internal sealed record DistillationTargets(TeacherOutputs Teacher, LossSum Losses);
