using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>relation</c>: distance * L_D + angle * L_A, averaged over the pairs (RKD: Park et al., arXiv 1904.05068). L_D is Huber's
/// loss between |x_i - x_j| / (their mean over the batch) of student and teacher; L_A between the cosines of the angles at
/// x_i of all triples. Each is a mean over different samples; the authors weigh angles twice as much as distances. Embeddings
/// may have any number of channels; of maps it is their mean over positions.
/// </summary>
internal sealed class RelationLoss(LossSetup setup) : IDistillationLoss
{
    // Pairs nearer than a thousandth of the usual distance have no direction worth learning, and a gradient without bound.
    private const double Nearest = 1e-6;

    // Keeps a batch of equal samples from dividing by zero.
    private const double Smallest = 1e-30;

    private readonly double _distance = setup.Setting("distance");
    private readonly double _angle = setup.Setting("angle");
    private readonly bool[] _channelsLast = [.. setup.Pairs.Select(pair => pair.Student.ChannelsLast)];

    /// <inheritdoc/>
    public string Name => "relation";

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs) => inputs.Pairs.Zip(_channelsLast)
        .Select(pair => Loss(FeatureForms.Embedding(pair.First.Student, pair.Second),
            FeatureForms.Embedding(pair.First.Teacher, pair.Second)))
        .Aggregate((sum, next) => sum + next) / inputs.Pairs.Count;

    private Tensor Loss(Tensor student, Tensor teacher)
    {
        var (s, t) = (Relations(student), Relations(teacher));
        var count = (double)student.size(0);
        var distances = functional.smooth_l1_loss(s.Distances, t.Distances, Reduction.Sum) / Math.Max(1, count * (count - 1));
        var angles = functional.smooth_l1_loss(s.Cosines, t.Cosines, Reduction.Sum) / Math.Max(1, count * (count - 1) * (count - 2));
        return distances * _distance + angles * _angle;
    }

    private static (Tensor Distances, Tensor Cosines) Relations(Tensor embeddings)
    {
        var differences = embeddings.unsqueeze(0) - embeddings.unsqueeze(1);
        var squares = differences.square().sum(2);
        var count = (double)embeddings.size(0);
        var limit = squares.detach().mean() * Nearest + Smallest;
        var apart = squares.gt(limit).to_type(embeddings.dtype);
        var distances = squares.maximum(limit).sqrt() * apart;
        var directions = differences * (apart / squares.maximum(limit).sqrt()).unsqueeze(2);
        return (distances / (distances.sum() / Math.Max(1, count * (count - 1)) + Smallest), directions.matmul(directions.transpose(1, 2)));
    }

    /// <inheritdoc/>
    public void Dispose() { }
}
