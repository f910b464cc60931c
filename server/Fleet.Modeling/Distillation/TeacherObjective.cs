using Fleet.Modeling.Distillation.Losses;
using Fleet.Modeling.Students;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Teachers;
using Fleet.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Distillation;

/// <summary>Learns from a teacher, and from the labels beside it. Student and teacher see the same view of a sample.</summary>
/// <param name="teacher">What the teacher says about the training samples.</param>
/// <param name="losses">How far the student is from it and from the labels.</param>
internal sealed class TeacherObjective(TeacherOutputs teacher, LossSum losses) : IObjective
{
    /// <inheritdoc/>
    public IEnumerable<TorchSharp.Modules.Parameter> Parameters => losses.Parameters;

    /// <inheritdoc/>
    public IEnumerable<Tensor> State => losses.State;

    /// <inheritdoc/>
    public Tensor Loss(Network network, Batches batches, StepAt at, DisposeScope scope, CancellationToken cancellationToken)
    {
        var view = teacher.ViewOf(at.Epoch);
        var tap = new FeatureTap(scope, losses.StudentFeatures);
        var outputs = network.forward(batches.Inputs(at.Indices, view), tap);
        return losses.Of(outputs, tap, teacher.Of(view, at.Indices, network.Device, cancellationToken),
            batches.Labels(at.Indices, view), at.Indices, at.Step);
    }
}
