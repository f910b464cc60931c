using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students;

/// <summary>What is trained epoch by epoch.</summary>
internal interface ITrainable
{
    /// <summary>Everything that training changes in it.</summary>
    IEnumerable<Tensor> State();

    /// <summary>What it answers every sample with, row by row.</summary>
    float[] Outputs(SampleSet samples, CancellationToken cancellationToken);
}
