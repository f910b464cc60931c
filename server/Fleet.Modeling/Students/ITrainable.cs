using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students;

/// <summary>What is trained epoch by epoch.</summary>
internal interface ITrainable
{
    /// <summary>Everything that training changes in it.</summary>
    IEnumerable<Tensor> State();

    /// <summary>Share of samples whose largest logit is their label's.</summary>
    double Accuracy(SampleSet samples, CancellationToken cancellationToken);
}
