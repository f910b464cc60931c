using System.Collections.Frozen;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// Weights and arithmetic in 16-bit floats; inputs and outputs stay 32-bit behind a Cast, so that callers see the same model.
/// What brings the input to mean 0 stays in 32 bits too. For GPUs: the CPU has few 16-bit kernels and is not faster with it.
/// </summary>
internal sealed class Float16Scheme : IQuantizationScheme
{
    /// <summary>
    /// Smallest and largest magnitudes that 16-bit floats can hold; what is smaller becomes it rather than zero, what is larger must not
    /// become infinite.
    /// </summary>
    private const float Smallest = 5.96e-8f, Largest = 65504f;

    /// <summary>
    /// Operators that stay 32-bit: without 16-bit kernels, with sizes and scales among their inputs, or whose sums and squares
    /// leave the range of 16-bit floats (normalization over many values).
    /// </summary>
    private static readonly FrozenSet<string> Blocked = new[]
    {
        "ArrayFeatureExtractor", "Binarizer", "CastMap", "CategoryMapper", "DictVectorizer", "FeatureVectorizer", "Imputer", "LabelEncoder",
        "LinearClassifier", "LinearRegressor", "Normalizer", "OneHotEncoder", "SVMClassifier", "SVMRegressor", "Scaler",
        "TreeEnsembleClassifier",
        "TreeEnsembleRegressor", "ZipMap", "NonMaxSuppression", "TopK", "RoiAlign", "Range", "CumSum", "Min", "Max", "Resize", "Upsample",
        "RandomUniform", "RandomNormal", "RandomUniformLike", "RandomNormalLike", "Loop", "If", "Scan", "LSTM", "GRU", "RNN",
        "LayerNormalization", "GroupNormalization", "InstanceNormalization", "Pow", "ReduceMean", "ReduceSum", "QuantizeLinear",
        "DequantizeLinear",
    }.ToFrozenSet();

    /// <inheritdoc/>
    public string Name => "fp16";

    /// <inheritdoc/>
    public string Suffix => "fp16";

    /// <summary>Nothing of it computes in integers.</summary>
    public RuntimeSettings Runtime(RuntimeSettings ofProfile) => NeededSettings.Unguarded(ofProfile);

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => [];

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph)
        => [
            .. graph.Graph.Node.Where(Converts).Select(node => node.OutputAt(0)).OfType<string>()
                .Except(InputStandardization.Of(graph)),
        ];

    /// <inheritdoc/>
    public string Kept => "32 bits";

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => WeightShare.IsWorthwhile(graph, OperatorsOf(graph));

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The model has no weights that 16 bits would make smaller.</exception>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
        // A model from which operators are kept was made once without: its weights need not be counted again.
        => keptFloat.Count > 0 || WeightShare.Reached(source.Model.Graph, OperatorsOf(source.Model.Graph)) > 0
            ? new Conversion(source.Model.Graph, keptFloat).Run()
            : throw new InvalidDataException(
                "The model has no float weights that fp16 converts: recurrent layers, normalizations and what lies inside If, Loop and "
                    + "Scan stay in 32 bits. int8-weights reaches them.");

    private static bool Converts(NodeProto node) => node.IsStandard() && !Blocked.Contains(node.OpType) && !node.Subgraphs().Any();

    /// <summary>One conversion: values known in 16 and in 32 bits, casts made where a reader needs the other.</summary>
    private sealed class Conversion(OnnxGraph source, IReadOnlySet<string> keptFloat)
    {
        private readonly ModelProto _model = source.Model.Clone();
        private readonly Dictionary<string, string> _half = [];
        private readonly HashSet<string> _onlyHalf = [];
        private readonly HashSet<string> _kept = [.. keptFloat, .. InputStandardization.Of(source)];
        private int _numbered;

        public ModelProto Run()
        {
            _model.Graph.Node.Clear();
            _model.Graph.ValueInfo.Clear();
            foreach (var node in source.Graph.Node) Emit(node);
            DropUnreadConstants();
            return _model;
        }

        private void Emit(NodeProto original)
        {
            var node = original.Clone();
            if (Converts(original) && !_kept.Contains(original.OutputAt(0) ?? "")
                && original.Input.Concat(original.Output).Any(IsFloat))
                EmitHalf(original, node);
            else EmitSingle(original, node);
        }

        private void EmitHalf(NodeProto original, NodeProto node)
        {
            for (var i = 0; i < node.Input.Count; i++)
            {
                if (IsFloat(node.Input[i])) node.Input[i] = Half(node.Input[i]);
            }
            if (node.OpType == "Cast" && node.Int("to", 0) == (long)DataType.Float) node.With("to", (long)DataType.Float16);
            foreach (var attribute in node.Attribute.Where(attribute => attribute.T is { } tensor && tensor.Is(DataType.Float)))
                attribute.T = ToHalf(attribute.T, attribute.T.Name);

            List<NodeProto> casts = [];
            for (var i = 0; i < node.Output.Count; i++)
            {
                var value = original.Output[i];
                if (value.Length == 0 || !IsFloat(value)) continue;
                _half[value] = node.Output[i] = NewName();
                if (source.IsOutput(value)) casts.Add(Cast(node.Output[i], value, DataType.Float));
                else _onlyHalf.Add(value);
            }
            _model.Graph.Node.Add(node);
            _model.Graph.Node.AddRange(casts);
        }

        private void EmitSingle(NodeProto original, NodeProto node)
        {
            // Subgraphs stay 32-bit, so that what they take from outside must be there in 32 bits too.
            foreach (var value in OnnxGraph.ValuesReadBy(original).Where(_onlyHalf.Contains).Distinct().ToArray())
            {
                _onlyHalf.Remove(value);
                _model.Graph.Node.Add(Cast(_half[value], value, DataType.Float));
            }
            _model.Graph.Node.Add(node);
        }

        private string Half(string value)
        {
            if (_half.TryGetValue(value, out var known)) return known;
            var name = NewName();
            if (source.Constant(value) is { } constant) _model.Graph.Initializer.Add(ToHalf(constant, name));
            else _model.Graph.Node.Add(Cast(value, name, DataType.Float16));
            return _half[value] = name;
        }

        private bool IsFloat(string value) => source.Constant(value) is { } constant
            ? constant.Is(DataType.Float)
            : source.TypeOf(value)?.TensorType is { ElemType: (int)DataType.Float };

        private static TensorProto ToHalf(TensorProto tensor, string name)
            => Tensors.Of(name, Array.ConvertAll(tensor.ToSingles(), Clamp), [.. tensor.Dims]);

        private static Half Clamp(float value) => (Half)(value == 0 || float.IsNaN(value) ? value
            : MathF.CopySign(Math.Clamp(MathF.Abs(value), Smallest, Largest), value));

        private static NodeProto Cast(string from, string to, DataType type) => Nodes.Node("Cast", [from], [to]).With("to", (long)type);

        private string NewName()
        {
            while (true)
            {
                var name = $"h{_numbered++}";
                if (!source.Names.Contains(name)) return name;
            }
        }

        private void DropUnreadConstants()
        {
            var read = new HashSet<string>(
                _model.Graph.Node.SelectMany(OnnxGraph.ValuesReadBy).Concat(_model.Graph.Output.Select(output => output.Name)));
            for (var i = _model.Graph.Initializer.Count - 1; i >= 0; i--)
            {
                if (!read.Contains(_model.Graph.Initializer[i].Name)) _model.Graph.Initializer.RemoveAt(i);
            }
        }
    }
}
