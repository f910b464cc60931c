using Fleet.Modeling.Data;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students;

/// <summary>What is trained epoch by epoch.</summary>
internal interface ITrainable
{
    /// <summary>Everything that training changes in it.</summary>
    IEnumerable<Tensor> State();

    /// <summary>
    /// Makes what it keeps of the samples it saw, such as statistics of batch normalization, that of its weights as they are now.
    /// </summary>
    /// <param name="training">What it learns from.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    void Settle(SampleSet training, CancellationToken cancellationToken)
    {
    }

    /// <summary>What it answers every sample with, row by row.</summary>
    float[] Outputs(SampleSet samples, CancellationToken cancellationToken);
}
