using TorchSharp;
using static TorchSharp.torch;

namespace Fleet.Modeling.Students.Layers;

/// <summary>
/// What a network shall show beside its logits in one pass. A layer offers what it computes by name, and the tap keeps what
/// was asked for; without a tap nothing is kept and nothing costs.
/// </summary>
/// <remarks>
/// Names are those of <see cref="NetworkPlan.Features"/>: <c>layer1</c> is the output of the first layer of the plan behind its
/// activation. A layer that shows more than its output calls the rest after itself: <c>layer3.query</c>.
/// </remarks>
/// <param name="scope">What the kept values belong to: a scope of the pass itself would end before they are used.</param>
/// <param name="names">What to keep.</param>
internal sealed class FeatureTap(DisposeScope scope, IReadOnlyCollection<string> names)
{
    private readonly Dictionary<string, Tensor> _kept = [];

    /// <summary>A kept value.</summary>
    public Tensor this[string name]
        => _kept.TryGetValue(name, out var value)
            ? value
            : throw new KeyNotFoundException($"The network gave no feature '{name}' of {string.Join(", ", names)}.");

    /// <summary>True when <paramref name="name"/> was asked for: for a value that is not computed otherwise.</summary>
    public bool Wants(string name) => names.Contains(name);

    /// <summary>Keeps a value that was asked for. Nothing may change it in place afterwards.</summary>
    public void Offer(string name, Tensor value)
    {
        if (!Wants(name)) return;
        // A second handle on the same values: the first goes with the scope it was made in.
        scope.Attach(_kept[name] = value.alias());
    }
}
