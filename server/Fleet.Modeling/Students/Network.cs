using Fleet.Modeling.Data;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Students;

/// <summary>A trainable network made from a plan. Belongs to the thread that trains it.</summary>
internal sealed class Network : Module<Tensor, Tensor>, ITrainable
{
    /// <summary>Torch's random numbers are the process's: two networks that begin at once would take each other's.</summary>
    internal static readonly Lock Chance = new();

    private readonly List<(Layer Layer, Module<Tensor, Tensor>? Linear, Module<Tensor, Tensor>? BatchNormalization)> _layers = [];
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
                var (linear, batchNormalization) = Modules(layer, input, plan.Vocabulary);
                if (linear is not null) register_module($"linear{_layers.Count}", linear);
                if (batchNormalization is not null) register_module($"normalization{_layers.Count}", batchNormalization);
                _layers.Add((layer, linear, batchNormalization));
            }
        }
        if (plan.Vocabulary is not null) return; // Numbers of tokens are no values to scale.
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
        (_mean, _scale) = (_mean?.to(device, disposeAfter: true), _scale?.to(device, disposeAfter: true));
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => forward(input, null);

    /// <summary>The logits; what <paramref name="tap"/> asks for is kept in it on the way.</summary>
    public Tensor forward(Tensor input, FeatureTap? tap)
    {
        using var scope = NewDisposeScope();
        var value = _mean is null ? input : (input - _mean) * _scale!;
        if (Plan is { InputShape.Count: 3, Layers: [Layer.Convolution, ..] }) value = ChannelsLast(value);
        Tensor? remembered = null;
        for (var place = 0; place < _layers.Count; place++)
        {
            var (layer, linear, batchNormalization) = _layers[place];
            value = layer switch
            {
                Layer.MaxPool pool when Plan.InputShape.Count == 2 => functional.max_pool1d(value, pool.Size),
                Layer.MaxPool pool => functional.max_pool2d(value, pool.Size),
                Layer.GlobalAverage => value.flatten(2).mean([2]),
                Layer.Flatten => value.flatten(1),
                Layer.Tokens => linear!.call(value.to_type(ScalarType.Int64)),
                Layer.Positions => value + linear!.call(arange(value.size(1), device: Device)),
                Layer.Gelu => functional.gelu(value),
                Layer.Attention attention => Attend(value, attention, input, NetworkPlan.FeatureName(place), tap),
                Layer.TokenMean => MeanOfTokens(value, input),
                Layer.Remember => remembered = value,
                Layer.AddRemembered => value + remembered!,
                _ => linear!.call(value),
            };
            if (batchNormalization is not null) value = batchNormalization.call(value).relu_();
            tap?.Offer(NetworkPlan.FeatureName(place), value);
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
            var bias = parameters.TryGetValue("bias", out var own) ? own : zeros(layer is Layer.Tokens or Layer.Positions ? 0 : weight.size(0), ScalarType.Float64);
            if (batchNormalization is not null) (weight, bias) = Fold(weight, bias, batchNormalization);
            if (_scale is not null && folded.All(before => before.Weight.Length == 0)) weight *= ScaleOf(layer);
            folded.Add(new FoldedLayer(layer, [.. weight.shape.Select(extent => (int)extent)], Values(weight), Values(bias)));
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

    // A bias in front of batch normalization would be taken out again by it.
    private static (Module<Tensor, Tensor>? Linear, Module<Tensor, Tensor>? BatchNormalization) Modules(Layer layer, IReadOnlyList<int> input, Vocabulary? vocabulary) => layer switch
    {
        Layer.Convolution c when input.Count == 2 => (Conv1d(input[0], c.Channels, c.Kernel, c.Stride, padding: c.Kernel / 2, bias: false), BatchNorm1d(c.Channels)),
        Layer.Convolution c => (Conv2d(input[0], c.Channels, c.Kernel, c.Stride, padding: c.Kernel / 2, bias: false), BatchNorm2d(c.Channels)),
        Layer.Depthwise d when input.Count == 2 => (Conv1d(input[0], input[0], d.Kernel, d.Stride, padding: d.Kernel / 2, groups: input[0], bias: false), BatchNorm1d(input[0])),
        Layer.Depthwise d => (Conv2d(input[0], input[0], d.Kernel, d.Stride, padding: d.Kernel / 2, groups: input[0], bias: false), BatchNorm2d(input[0])),
        Layer.Dense dense => (Linear(input[0], dense.Units, hasBias: false), BatchNorm1d(dense.Units)),
        Layer.Classifier classifier => (Linear(input[0], classifier.Classes), null),
        Layer.Tokens tokens => (Table(vocabulary!.Pieces.Count, tokens.Width), null),
        Layer.Positions => (Table(input[0], input[1]), null),
        Layer.Linear linear => (Linear(input[^1], linear.Units), null),
        Layer.LayerNormalization => (LayerNorm(input[^1], NormalizationEpsilon), null),
        _ => (null, null),
    };

    // torch.nn begins embeddings at deviation 1, which drowns what the blocks add to them at first.
    private static Module<Tensor, Tensor> Table(int rows, int width)
    {
        var table = Embedding(rows, width);
        init.normal_(table.weight!, 0, 0.02);
        return table;
    }

    // Padding gets a score so low that softmax makes zero of it. A sample of padding alone has no token to look at; its
    // answer is finite and means nothing.
    private static Tensor Attend(Tensor value, Layer.Attention attention, Tensor input, string name, FeatureTap? tap)
    {
        Tensor Heads(Tensor part) => part.reshape(part.size(0), part.size(1), attention.Heads, -1).transpose(1, 2);
        Tensor[] parts = [.. value.chunk(3, -1).Select(Heads)];
        foreach (var (part, called) in parts.Zip(NetworkPlan.AttentionParts)) tap?.Offer($"{name}.{called}", part);
        var padding = input.eq(Vocabulary.Padding).to_type(value.dtype).reshape(input.size(0), 1, 1, input.size(1)) * PaddingScore;
        var weights = functional.softmax(parts[0].matmul(parts[1].transpose(2, 3)) / Math.Sqrt(parts[0].size(3)) + padding, -1);
        return weights.matmul(parts[2]).transpose(1, 2).reshape(value.size(0), value.size(1), -1);
    }

    private static Tensor MeanOfTokens(Tensor value, Tensor input)
    {
        var present = input.ne(Vocabulary.Padding).to_type(value.dtype).unsqueeze(2);
        return (value * present).sum(1) / present.sum(1).clamp_min(1);
    }

    /// <summary>What is added to the attention score of padding.</summary>
    public const float PaddingScore = -1e4f;

    // A fully connected first layer reads every place of every channel; a convolution has channels as its second axis.
    private Tensor ScaleOf(Layer first)
    {
        var scale = _scale!.to_type(ScalarType.Float64);
        return first is Layer.Dense or Layer.Classifier ? scale.expand([1, .. Plan.InputShape.Select(extent => (long)extent)]).reshape(1, -1) : scale;
    }

    private static (Tensor Weight, Tensor Bias) Fold(Tensor weight, Tensor bias, Module<Tensor, Tensor> batchNormalization)
    {
        var values = batchNormalization.state_dict();
        Tensor Of(string name) => values[name].to_type(ScalarType.Float64);
        var factor = Of("weight") / (Of("running_var") + NormalizationEpsilon).sqrt();
        long[] perOutput = [-1, .. weight.shape.Skip(1).Select(_ => 1L)];
        return (weight * factor.reshape(perOutput), (bias - Of("running_mean")) * factor + Of("bias"));
    }

    /// <summary>Added to a variance before its root is taken: torch.nn's default.</summary>
    public const double NormalizationEpsilon = 1e-5;

    private static float[] Values(Tensor value) => value.to_type(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();

    private Tensor Inputs(SampleSet samples, int start, int count)
        => AlignedTensor.Of(samples, start, count, Device);

    /// <inheritdoc/>
    public IEnumerable<Tensor> State() => parameters().Cast<Tensor>().Concat(buffers());
}
