using Fleet.Quantization.Weights;
using static TorchSharp.torch;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>
/// Rounds to a grid whose step is learned: <c>step * clamp(round(x / step), lowest, highest)</c>, half to even as the runtimes
/// round. What is inside the grid passes its gradient on as if nothing had happened; the step learns from how far it rounds and
/// from what it clips (Esser et al., Learned Step Size Quantization, arXiv 1902.08153, equations 1 to 5).
/// </summary>
internal sealed class StepRounding : autograd.SingleTensorFunction<StepRounding>
{
    /// <inheritdoc/>
    public override string Name => nameof(StepRounding);

    /// <summary>Rounds <paramref name="values"/>.</summary>
    /// <param name="values">Any shape.</param>
    /// <param name="step">One step, or one for each channel in a shape that spreads over the values.</param>
    /// <param name="levels">The grid in steps.</param>
    public static Tensor Of(Tensor values, Tensor step, Levels levels)
    {
        // N of the paper counts what shares a step: of an activation the features of one sample.
        var sharing = step.numel() == 1 ? values.numel() / values.size(0) : values.numel() / step.numel();
        return apply(values, step, (double)levels.Lowest, (double)levels.Highest,
            1 / Math.Sqrt((double)sharing * Math.Max(1, levels.Highest)));
    }

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        using var scope = NewDisposeScope();
        var (values, step) = ((Tensor)vars[0], (Tensor)vars[1]);
        var grid = new[] { (double)vars[2], (double)vars[3], (double)vars[4] };
        // Only what was handed in can be saved: what is made here is gone with this scope before it would be looked at.
        ctx.save_for_backward([values, step]);
        ctx.save_data("grid", grid);
        return Steps(values, step, grid).mul_(step).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor gradient)
    {
        using var scope = NewDisposeScope();
        var saved = ctx.get_saved_variables();
        var (values, step) = (saved[0], saved[1]);
        var grid = (double[])ctx.get_data("grid");
        var inside = values.ge(step * grid[0]).logical_and_(values.le(step * grid[1]));
        var ofValues = where(inside, gradient, zeros_like(step).sum());
        // With v = x / step: round(v) - v inside, the last level outside; summed, the levels less what passed.
        var steps = Steps(values, step, grid);
        var ofStep = step.numel() == 1
            ? (gradient.flatten().dot(steps.flatten()) - ofValues.flatten().dot(values.flatten()) / step.sum()).reshape(step.shape)
            : (gradient * steps - ofValues * values / step)
                .sum([.. Enumerable.Range(0, (int)values.dim()).Where(axis => step.size(axis) == 1).Select(axis => (long)axis)],
                    keepdim: true);
        return [ofValues.MoveToOuterDisposeScope(), (ofStep * grid[2]).MoveToOuterDisposeScope(), null!, null!, null!];
    }

    private static Tensor Steps(Tensor values, Tensor step, double[] grid) => values.div(step).round_().clamp_(grid[0], grid[1]);
}
