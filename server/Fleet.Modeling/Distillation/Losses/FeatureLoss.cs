using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// <c>feature</c>: the mean square of r(s) - t over all elements, averaged over the pairs; r is a learned linear map from the
/// student's channels to the teacher's at each position: a 1x1 convolution (FitNets: Romero et al., arXiv 1412.6550). For
/// transformers the positions are tokens and it is the hidden-state loss of TinyBERT (Jiao et al., arXiv 1909.10351). Maps of
/// unequal extent meet at the smaller one.
/// </summary>
internal sealed class FeatureLoss : IDistillationLoss
{
    private readonly (bool ChannelsLast, TorchSharp.Modules.Linear Projection)[] _pairs;

    public FeatureLoss(LossSetup setup) => _pairs = [.. setup.Pairs.Select(pair =>
    {
        var (student, teacher) = pair;
        if (student.Shape.Count != teacher.Shape.Count) throw setup.Refuse(student, teacher, "both need as many axes.");
        if (student.ChannelsLast && !student.Shape.SkipLast(1).SequenceEqual(teacher.Shape.SkipLast(1)))
            throw setup.Refuse(student, teacher, "hidden states are compared token by token, so both need as many.");
        var projection = Linear(
            student.Channels, (teacher with { ChannelsLast = student.ChannelsLast }).Channels, device: setup.Device, dtype: setup.Type);
        return (student.ChannelsLast, projection);
    })];

    /// <inheritdoc/>
    public string Name => "feature";

    /// <inheritdoc/>
    public IEnumerable<TorchSharp.Modules.Parameter> Parameters => _pairs.SelectMany(pair => pair.Projection.parameters());

    /// <inheritdoc/>
    public Tensor Of(LossInputs inputs)
        => inputs.Pairs.Zip(_pairs)
            .Select(pair => Distance(pair.First.Student, pair.First.Teacher, pair.Second.ChannelsLast, pair.Second.Projection))
            .Aggregate((sum, next) => sum + next) / _pairs.Length;

    private static Tensor Distance(Tensor student, Tensor teacher, bool channelsLast, TorchSharp.Modules.Linear projection)
    {
        if (!channelsLast) (student, teacher) = FeatureForms.AtOneExtent(student, teacher);
        return (projection.call(FeatureForms.Positions(student, channelsLast)) - FeatureForms.Positions(teacher, channelsLast)).square()
            .mean();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, projection) in _pairs) projection.Dispose();
    }
}
