using Fleet.Modeling.Data;
using Fleet.Modeling.Students;
using Fleet.Modeling.Torch;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>
/// A prepared ONNX graph that can be trained: its convolutions and matrix products hold parameters, everything else computes
/// as the file says. With a plan it rounds weights, activations and biases exactly where the quantizer will write the
/// rounding, so that what is trained is what is exported. Batch normalization is folded before: the graph has none.
/// Belongs to the thread that trains it.
/// </summary>
internal sealed class TrainableGraph : Module<Tensor, Tensor>, ITrainable
{
    private readonly OnnxGraph _graph;
    private readonly Dictionary<string, TrainableOperator> _operators = [];
    private readonly Dictionary<string, Tensor> _constants = [];
    private readonly Rounding? _rounding;
    private readonly List<NodeProto> _nodes = [];

    /// <param name="model">The graph: one input, the logits as its first output.</param>
    /// <param name="plan">What is rounded; null trains in float.</param>
    /// <param name="form">The integers it will be written in; needed with a plan.</param>
    /// <param name="grids">Where the grids start; needed with a plan.</param>
    /// <exception cref="BuildException">The graph holds an operator that cannot be trained here.</exception>
    public TrainableGraph(PreparedModel model, QuantizationPlan? plan = null, IntegerForm? form = null, GridScales? grids = null)
        : base(nameof(TrainableGraph))
    {
        _graph = model.Graph;
        if (_graph.Graph.Input is not [_])
            throw new BuildException($"A model with {_graph.Graph.Input.Count} inputs cannot be trained here; it must have one.");
        if (plan is not null) _rounding = new Rounding(_graph, plan, form!, grids!);
        foreach (var node in _graph.Graph.Node)
        {
            if (_rounding?.Absorbs(node) == true) continue;
            _nodes.Add(node);
            if (WeightedOperator.At(node, _graph) is { } weighted)
            {
                var one = new TrainableOperator(weighted, _rounding);
                register_module($"operator{_operators.Count}", one);
                _operators[node.Output[0]] = one;
                continue;
            }
            GraphOperators.Check(node, _graph);
            foreach (var constant in node.Input.Select(_graph.Constant).OfType<TensorProto>()
                .Where(constant => !_constants.ContainsKey(constant.Name)))
                _constants[constant.Name] = constant.Is(TensorProto.Types.DataType.Float)
                    ? AlignedTensor.Of(constant.ToSingles(), [.. constant.Dims], CPU)
                    : tensor(constant.ToInt64s(), [.. constant.Dims]);
        }
        if (_operators.Count == 0)
            throw new BuildException("The model has no convolution or matrix product with constant weights: there is nothing to train.");
        if (_rounding is not null) register_module("rounding", _rounding);
    }

    /// <summary>Weights and biases.</summary>
    public IEnumerable<Parameter> Weights => _operators.Values.SelectMany(one => one.Values);

    /// <summary>Logarithms of the steps, which are learned at a rate of their own.</summary>
    public IEnumerable<Parameter> Steps => _operators.Values.Select(one => one.Step).OfType<Parameter>().Concat(_rounding?.Steps ?? []);

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var name = _graph.Graph.Input[0].Name;
        // Samples of text hold the numbers of tokens as floats.
        if (_graph.Graph.Input[0].Type.TensorType.ElemType is (int)TensorProto.Types.DataType.Int64)
            input = input.to_type(ScalarType.Int64);
        var values = new Dictionary<string, Tensor>(_constants) { [name] = _rounding?.Round(name, input) ?? input };
        for (var i = 0; i < _nodes.Count; i++)
        {
            var node = _nodes[i];
            var results = _operators.TryGetValue(node.Output[0], out var one)
                ? [one.Run(values[node.Input[0]], _rounding)]
                : GraphOperators.Run(node, [.. node.Input.Select(read => values.GetValueOrDefault(read))], _graph);
            foreach (var (written, value) in node.Output.Zip(results))
            {
                var output = _rounding?.NameOf(written) ?? written;
                values[output] = _rounding?.Round(output, value) ?? value;
            }
        }
        return values[_graph.Graph.Output[0].Name].MoveToOuterDisposeScope();
    }

    /// <summary>The graph in float with what was learned.</summary>
    public PreparedModel Model()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var model = _graph.Model.Clone();
        foreach (var node in model.Graph.Node.Where(node => node.Output.Count > 0))
        {
            if (_operators.TryGetValue(node.Output[0], out var one)) one.WriteInto(model.Graph, node);
        }
        var read = new HashSet<string>(model.Graph.Node.SelectMany(OnnxGraph.ValuesReadBy));
        foreach (var unread in model.Graph.Initializer.Where(tensor => !read.Contains(tensor.Name)).ToArray())
            model.Graph.Initializer.Remove(unread);
        return new PreparedModel(model);
    }

    /// <summary>The grids that were learned.</summary>
    public GridScales Grids()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return _rounding!.Grids(_operators);
    }

    /// <inheritdoc/>
    public float[] Outputs(SampleSet samples, CancellationToken cancellationToken)
    {
        const int BatchSize = 256;
        using var noGradient = no_grad();
        var logits = new List<float>();
        for (var start = 0; start < samples.Count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var count = Math.Min(BatchSize, samples.Count - start);
            var inputs = AlignedTensor.Of(samples, start, count, CPU);
            logits.AddRange(forward(inputs).contiguous().data<float>());
        }
        return [.. logits];
    }

    /// <inheritdoc/>
    public IEnumerable<Tensor> State() => parameters();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var constant in _constants.Values) constant.Dispose();
        }
        base.Dispose(disposing);
    }
}
