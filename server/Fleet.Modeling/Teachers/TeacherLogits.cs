using Fleet.Modeling.Data;
using Fleet.Modeling.Distillation;

namespace Fleet.Modeling.Teachers;

/// <summary>
/// What the teacher says about every training sample, asked once and kept. With augmentation it is asked about each of a few
/// views when that view's turn comes; epochs then go through the views in turn, and student and teacher see the same one.
/// </summary>
internal sealed class TeacherLogits(OnnxTeacher teacher, SampleSet training, bool augment, int seed)
{
    /// <summary>Views with augmentation. Each costs one pass of the teacher, about a third of an epoch of training it.</summary>
    private const int AugmentedViews = 4;

    private readonly float[]?[] _byView = new float[]?[augment ? AugmentedViews : 1];

    /// <summary>Columns of the logits.</summary>
    public int Classes => teacher.Classes;

    /// <summary>Views a student is trained on in turn.</summary>
    public int Views => _byView.Length;

    /// <summary>The logits of every training sample in a view, row by row.</summary>
    public float[] Of(int view, CancellationToken cancellationToken) => _byView[view] ??= teacher.Logits(
        training, cancellationToken, (sample, index, destination) => Augmentation.Write(training, index, view, destination, seed));
}
