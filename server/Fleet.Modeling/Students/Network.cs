using Fleet.Modeling.Data;
using Fleet.Modeling.Students.Layers;
using Fleet.Modeling.Torch;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;
using BatchNorm = TorchSharp.Modules.BatchNorm;

namespace Fleet.Modeling.Students;

/// <summary>A trainable network made from a plan. Belongs to the thread that trains it.</summary>
internal sealed class Network : Module<Tensor, Tensor>, ITrainable
{
    /// <summary>Torch's random numbers are the process's: two networks that begin at once would take each other's.</summary>
    internal static readonly Lock Chance = new();

    private readonly List<(Layer Layer, LayerModules Modules)> _layers = [];
    private Tensor? _mean;
    private Tensor? _scale;

    /// <param name="plan">Its layers.</param>
    /// <param name="normalization">Its first step.</param>
    /// <param name="seed">Seed of its initial weights.</param>
    public Network(NetworkPlan plan, Normalization normalization, int seed) : base(nameof(Network))
    {
        Plan = plan;
        Normalization = normalization;
        lock (Chance)
        {
            random.manual_seed(seed);
            foreach (var (layer, input, _) in plan.Walk())
            {
                var modules = layer.Modules(input);
                if (modules.Weights is { } weights) register_module($"linear{_layers.Count}", weights);
                if (modules.BatchNormalization is { } normalizing) register_module($"normalization{_layers.Count}", normalizing);
                _layers.Add((layer, modules));
            }
        }
        if (plan.Vocabulary is not null) return; // Numbers of tokens are names, not amounts: nothing to scale.
        using var scope = NewDisposeScope();
        long[] perChannel = [1, plan.InputShape[0], .. plan.InputShape.Skip(1).Select(_ => 1L)];
        _mean = tensor(normalization.Mean).reshape(perChannel).DetachFromDisposeScope();
        _scale = tensor(normalization.Scale).reshape(perChannel).DetachFromDisposeScope();
    }

    /// <summary>Its layers as data.</summary>
    public NetworkPlan Plan { get; private set; }

    /// <summary>Its first step.</summary>
    public Normalization Normalization { get; }

    /// <summary>Where it computes; the CPU at first.</summary>
    public Device Device { get; private set; } = CPU;

    /// <summary>Moves all it holds to a device, before an optimizer is made for it.</summary>
    public void MoveTo(Device device)
    {
        if (device.type == Device.type && device.index == Device.index) return;
        Device = device;
        this.to(device);
        // Its first step is not a buffer: it is not trained, saved or averaged.
        (_mean, _scale) = (_mean?.to(device, disposeAfter: true), _scale?.to(device, disposeAfter: true));
    }

    /// <summary>Makes another head of the same weights its last layer.</summary>
    public void Answer(Head head)
    {
        Plan = Plan with { Layers = [.. Plan.Layers.SkipLast(1), head] };
        _layers[^1] = (head, _layers[^1].Modules);
    }

    /// <summary>Gives a fully connected layer the weights and the bias that something else than training found.</summary>
    /// <param name="place">Of the layer, from 0.</param>
    /// <param name="weight">Outputs, inputs.</param>
    /// <param name="bias">Outputs.</param>
    public void Set(int place, Tensor weight, Tensor bias)
    {
        using var noGradient = no_grad();
        var linear = (TorchSharp.Modules.Linear)_layers[place].Modules.Weights!;
        linear.weight.copy_(weight);
        linear.bias!.copy_(bias);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => forward(input, null);

    /// <summary>The logits; what <paramref name="tap"/> asks for is kept in it on the way.</summary>
    public Tensor forward(Tensor input, FeatureTap? tap)
    {
        using var scope = NewDisposeScope();
        var value = _mean is null ? input : (input - _mean) * _scale!;
        if (Plan is { InputShape.Count: 3, Layers: [Convolution, ..] }) value = ChannelsLast(value);
        var pass = new ForwardPass(input, tap) { Standardized = value };
        foreach (var (place, (layer, modules)) in _layers.Index())
        {
            pass.Name = NetworkPlan.FeatureName(place);
            value = layer.Forward(value, modules, pass);
            tap?.Offer(pass.Name, value);
        }
        return value.MoveToOuterDisposeScope();
    }

    // The same images with the channels of a position side by side in memory, which every layer behind then keeps: the forward
    // pass of the peer's student took 7.5 ms in place of 20.8 (128 images, one thread, libtorch 2.10), of a separable one about half.
    private static Tensor ChannelsLast(Tensor images)
    {
        var (channels, height, width) = (images.size(1), images.size(2), images.size(3));
        // Of one channel both orders are the same bytes, and only the strides tell them apart.
        return channels == 1
            ? images.contiguous().as_strided([images.size(0), 1, height, width], [height * width, 1, width, 1])
            : images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// The running statistics of batch normalization follow the weights at a tenth of the way a step: after few steps, or large ones, they
    /// are those of another network. They are averaged anew over training samples (Wu, Johnson, arXiv 2105.07576, "precise BatchNorm").
    /// </remarks>
    public void Settle(SampleSet training, CancellationToken cancellationToken)
    {
        const int BatchSize = 256, MostSamples = 1_024;
        BatchNorm[] normalizing = [.. _layers.Select(layer => layer.Modules.BatchNormalization).OfType<BatchNorm>()];
        if (normalizing.Length == 0) return;
        var momentum = normalizing[0].momentum;
        using var noGradient = no_grad();
        var (count, batches) = (Math.Min(training.Count, MostSamples), 0);
        // A single sample has no variance.
        for (var start = 0; start < count - 1; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            batches++;
            foreach (var one in normalizing) one.momentum = 1.0 / batches;
            using var scope = NewDisposeScope();
            forward(AlignedTensor.Of(training, start, Math.Min(BatchSize, count - start), Device));
        }
        foreach (var one in normalizing) one.momentum = momentum;
    }

    /// <inheritdoc/>
    public float[] Outputs(SampleSet samples, CancellationToken cancellationToken)
    {
        const int BatchSize = 256;
        eval();
        using var noGradient = no_grad();
        var outputs = new List<float>();
        for (var start = 0; start < samples.Count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var input = AlignedTensor.Of(samples, start, Math.Min(BatchSize, samples.Count - start), Device);
            outputs.AddRange(forward(input).cpu().contiguous().data<float>().ToArray());
        }
        train();
        return [.. outputs];
    }

    /// <summary>Weights and biases with batch normalization and the input's scale folded in, layer by layer.</summary>
    public IReadOnlyList<FoldedLayer> Folded()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var scale = _scale is null || Normalization.ScalesApart
            ? null
            : new InputScale(_scale.to_type(ScalarType.Float64), Plan.InputShape);
        var folded = new List<FoldedLayer>();
        foreach (var (layer, modules) in _layers)
        {
            folded.Add(layer.Folded(modules, scale));
            if (modules.Weights is not null) scale = null;
        }
        return folded;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _mean?.Dispose();
            _scale?.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    public IEnumerable<Tensor> State() => parameters().Cast<Tensor>().Concat(buffers());
}
