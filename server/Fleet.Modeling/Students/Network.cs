using Fleet.Modeling.Data;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students;

/// <summary>A trainable network made from a plan. Belongs to the thread that trains it.</summary>
internal sealed class Network : Module<Tensor, Tensor>
{
    private readonly List<(Layer Layer, Module<Tensor, Tensor>? Linear, Module<Tensor, Tensor>? BatchNormalization)> _layers = [];
    private Tensor _mean;
    private Tensor _scale;

    /// <param name="plan">Its layers.</param>
    /// <param name="normalization">Its first step.</param>
    /// <param name="seed">Seed of its initial weights.</param>
    public Network(NetworkPlan plan, Normalization normalization, int seed) : base(nameof(Network))
    {
        Plan = plan;
        Normalization = normalization;
        random.manual_seed(seed);
        foreach (var (layer, input, _) in plan.Walk())
        {
            var (linear, batchNormalization) = Modules(layer, input);
            if (linear is not null) register_module($"linear{_layers.Count}", linear);
            if (batchNormalization is not null) register_module($"normalization{_layers.Count}", batchNormalization);
            _layers.Add((layer, linear, batchNormalization));
        }
        using var scope = NewDisposeScope();
        long[] perChannel = [1, plan.InputShape[0], .. plan.InputShape.Skip(1).Select(_ => 1L)];
        _mean = tensor(normalization.Mean).reshape(perChannel).DetachFromDisposeScope();
        _scale = tensor(normalization.Scale).reshape(perChannel).DetachFromDisposeScope();
    }

    /// <summary>Its layers as data.</summary>
    public NetworkPlan Plan { get; }

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
        // Its first step is no buffer: it is not trained, saved or averaged.
        (_mean, _scale) = (_mean.to(device, disposeAfter: true), _scale.to(device, disposeAfter: true));
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => forward(input, null);

    /// <summary>The logits; what <paramref name="tap"/> asks for is kept in it on the way.</summary>
    public Tensor forward(Tensor input, FeatureTap? tap)
    {
        using var scope = NewDisposeScope();
        var value = (input - _mean) * _scale;
        for (var place = 0; place < _layers.Count; place++)
        {
            var (layer, linear, batchNormalization) = _layers[place];
            value = layer switch
            {
                Layer.MaxPool pool when Plan.InputShape.Count == 2 => functional.max_pool1d(value, pool.Size),
                Layer.MaxPool pool => functional.max_pool2d(value, pool.Size),
                Layer.GlobalAverage => value.flatten(2).mean([2]),
                Layer.Flatten => value.flatten(1),
                _ => linear!.call(value),
            };
            if (batchNormalization is not null) value = batchNormalization.call(value).relu_();
            tap?.Offer(NetworkPlan.FeatureName(place), value);
        }
        return value.MoveToOuterDisposeScope();
    }

    /// <summary>Share of samples whose largest logit is their label's.</summary>
    public double Accuracy(SampleSet samples, CancellationToken cancellationToken)
    {
        const int BatchSize = 256;
        eval();
        using var noGradient = no_grad();
        long right = 0;
        for (var start = 0; start < samples.Count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var count = Math.Min(BatchSize, samples.Count - start);
            var labels = tensor(samples.Labels[start..(start + count)], device: Device);
            right += forward(Inputs(samples, start, count)).argmax(1).eq(labels).sum().ToInt64();
        }
        train();
        return (double)right / samples.Count;
    }

    /// <summary>Logits of a few samples, as trained networks give them.</summary>
    public float[] Logits(SampleSet samples)
    {
        eval();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return forward(Inputs(samples, 0, samples.Count)).cpu().data<float>().ToArray();
    }

    /// <summary>A copy of everything that training changes, to return to.</summary>
    public IReadOnlyList<Tensor> Snapshot()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return [.. State().Select(value => value.clone().DetachFromDisposeScope())];
    }

    /// <summary>Returns to a snapshot.</summary>
    public void Restore(IReadOnlyList<Tensor> snapshot)
    {
        using var noGradient = no_grad();
        foreach (var (value, saved) in State().Zip(snapshot)) value.copy_(saved);
    }

    /// <summary>Weights and biases with batch normalization and the input's scale folded in, layer by layer.</summary>
    public IReadOnlyList<FoldedLayer> Folded()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var folded = new List<FoldedLayer>();
        foreach (var (layer, linear, batchNormalization) in _layers)
        {
            var parameters = linear?.named_parameters().ToDictionary(parameter => parameter.name, parameter => parameter.parameter.to_type(ScalarType.Float64));
            if (parameters is null)
            {
                folded.Add(new FoldedLayer(layer, [], [], []));
                continue;
            }
            var weight = parameters["weight"];
            var bias = parameters.TryGetValue("bias", out var own) ? own : zeros(weight.size(0), ScalarType.Float64);
            if (batchNormalization is not null) (weight, bias) = Fold(weight, bias, batchNormalization);
            if (folded.Count == 0) weight *= _scale.to_type(ScalarType.Float64);
            folded.Add(new FoldedLayer(layer, [.. weight.shape.Select(extent => (int)extent)], Values(weight), Values(bias)));
        }
        return folded;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _mean.Dispose();
            _scale.Dispose();
        }
        base.Dispose(disposing);
    }

    // A bias in front of batch normalization would be taken out again by it.
    private static (Module<Tensor, Tensor>? Linear, Module<Tensor, Tensor>? BatchNormalization) Modules(Layer layer, IReadOnlyList<int> input) => layer switch
    {
        Layer.Convolution c when input.Count == 2 => (Conv1d(input[0], c.Channels, c.Kernel, c.Stride, padding: c.Kernel / 2, bias: false), BatchNorm1d(c.Channels)),
        Layer.Convolution c => (Conv2d(input[0], c.Channels, c.Kernel, c.Stride, padding: c.Kernel / 2, bias: false), BatchNorm2d(c.Channels)),
        Layer.Dense dense => (Linear(input[0], dense.Units, hasBias: false), BatchNorm1d(dense.Units)),
        Layer.Classifier classifier => (Linear(input[0], classifier.Classes), null),
        _ => (null, null),
    };

    private static (Tensor Weight, Tensor Bias) Fold(Tensor weight, Tensor bias, Module<Tensor, Tensor> batchNormalization)
    {
        var values = batchNormalization.state_dict();
        Tensor Of(string name) => values[name].to_type(ScalarType.Float64);
        var factor = Of("weight") / (Of("running_var") + NormalizationEpsilon).sqrt();
        long[] perOutput = [-1, .. weight.shape.Skip(1).Select(_ => 1L)];
        return (weight * factor.reshape(perOutput), (bias - Of("running_mean")) * factor + Of("bias"));
    }

    // torch.nn's default.
    private const double NormalizationEpsilon = 1e-5;

    private static float[] Values(Tensor value) => value.to_type(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();

    private Tensor Inputs(SampleSet samples, int start, int count)
        => tensor(samples.Inputs.AsMemory(start * samples.SampleLength, count * samples.SampleLength), [count, .. samples.SampleShape.Select(extent => (long)extent)], device: Device);

    private IEnumerable<Tensor> State() => parameters().Cast<Tensor>().Concat(buffers());
}
