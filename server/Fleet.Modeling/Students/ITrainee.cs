using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students;

/// <summary>What is trained epoch by epoch.</summary>
internal interface ITrainee
{
    /// <summary>Everything that training changes in it.</summary>
    IEnumerable<Tensor> State();

    /// <summary>A copy of its state, to return to. The caller disposes of it.</summary>
    IReadOnlyList<Tensor> Snapshot();

    /// <summary>Returns to a snapshot.</summary>
    void Restore(IReadOnlyList<Tensor> snapshot);

    /// <summary>Share of samples whose largest logit is their label's.</summary>
    double Accuracy(SampleSet samples, CancellationToken cancellationToken);
}
