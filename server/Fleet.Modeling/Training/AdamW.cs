using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Fleet.Modeling.Training;

/// <summary>
/// AdamW (Loshchilov, Hutter, arXiv 1711.05101): moving means of the gradient and of its square, corrected for their beginning
/// at zero, and a weight decay apart from both.
/// </summary>
/// <remarks>
/// TorchSharp's own aborts now and then: a number that is handed to a tensor operation becomes an object whose memory the
/// garbage collector may free while the operation still reads it, and its optimizer makes hundreds of them in a step. Here they are
/// kept until the next step. The moments are also at hand for checkpoints.
/// </remarks>
internal sealed class AdamW : IDisposable
{
    private const double FirstDecay = 0.9;
    private const double SecondDecay = 0.999;

    private static readonly Scalar One = 1.0.ToScalar();
    private static readonly Scalar KeptOfFirst = FirstDecay.ToScalar();
    private static readonly Scalar NewOfFirst = (1 - FirstDecay).ToScalar();
    private static readonly Scalar KeptOfSecond = SecondDecay.ToScalar();
    private static readonly Scalar NewOfSecond = (1 - SecondDecay).ToScalar();

    private readonly List<Group> _groups = [];
    private readonly List<Scalar> _numbers = [];

    /// <summary>Learning rate of the next step.</summary>
    public double LearningRate { get; set; }

    /// <summary>Steps that were taken.</summary>
    public long Steps { get; set; }

    /// <summary>What is carried from step to step beside <see cref="Steps"/>, for checkpoints.</summary>
    public IEnumerable<Tensor> State
        => _groups.SelectMany(group => group.Parameters).SelectMany(parameter => (Tensor[])[parameter.First, parameter.Second]);

    /// <summary>Adds parameters.</summary>
    /// <param name="parameters">What to train.</param>
    /// <param name="weightDecay">Share of the learning rate by which weights shrink in a step.</param>
    /// <param name="epsilon">Guards the division by the root of the mean square; gradients much smaller than it have no effect.</param>
    public void Add(IEnumerable<Parameter> parameters, double weightDecay, double epsilon = 1e-8)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        _groups.Add(new Group([
            .. parameters.Select(parameter => (
                parameter, zeros_like(parameter).DetachFromDisposeScope(), zeros_like(parameter).DetachFromDisposeScope())),
        ], weightDecay, epsilon.ToScalar()));
    }

    /// <summary>Takes one step that makes <paramref name="loss"/> smaller.</summary>
    public void Step(Tensor loss)
    {
        using var scope = NewDisposeScope();
        foreach (var (parameter, _, _) in _groups.SelectMany(group => group.Parameters)) parameter.grad?.zero_();
        loss.backward();
        using var noGradient = no_grad();
        Steps++;
        _numbers.Clear();
        var (firstBias, secondBias) = (1 - Math.Pow(FirstDecay, Steps), 1 - Math.Pow(SecondDecay, Steps));
        var (towards, unbiased) = (Kept(-LearningRate / firstBias), Kept(1 / Math.Sqrt(secondBias)));
        foreach (var group in _groups)
        {
            var decay = group.WeightDecay > 0 ? Kept(1 - LearningRate * group.WeightDecay) : null;
            foreach (var (parameter, first, second) in group.Parameters)
            {
                if (parameter.grad is not { } gradient) continue;
                if (decay is not null) parameter.mul_(decay);
                first.mul_(KeptOfFirst).add_(gradient, NewOfFirst);
                second.mul_(KeptOfSecond).addcmul_(gradient, gradient, NewOfSecond);
                parameter.addcdiv_(first, second.sqrt().mul_(unbiased).add_(group.Epsilon, One), towards);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in State) tensor.Dispose();
    }

    private Scalar Kept(double value)
    {
        _numbers.Add(value.ToScalar());
        return _numbers[^1];
    }

    private sealed record Group(
        IReadOnlyList<(Parameter Parameter, Tensor First, Tensor Second)> Parameters, double WeightDecay, Scalar Epsilon);
}
