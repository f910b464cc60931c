using System.Globalization;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Writing;

/// <summary>Rewrites the matrix products of a graph (MatMul, Gemm) one by one; everything else stays as it is.</summary>
internal static class MatrixProducts
{
    /// <summary>The matrix products with constant weights.</summary>
    public static IEnumerable<WeightedOperator> Of(OnnxGraph graph)
        => graph.Graph.Node.Select(node => WeightedOperator.At(node, graph)).OfType<WeightedOperator>()
            .Where(product => product.Node.OpType is "MatMul" or "Gemm");

    /// <summary>A sentence on products whose weight is a stack of matrices, which stay float; nothing where there are none.</summary>
    public static string Stacked(OnnxGraph graph)
    {
        var stacked = graph.Graph.Node.Where(node => node.Is("MatMul"))
            .FirstOrDefault(node => graph.Constant(node.InputAt(1)) is { Dims.Count: > 2 });
        return stacked is null ? ""
            : $" The weight of {stacked.Title()} has {graph.Constant(stacked.InputAt(1))!.Dims.Count} axes, a matrix for each place of a "
                + "batch: int8-weights stores it as bytes.";
    }

    /// <summary>
    /// A copy of the graph in which <paramref name="rewrite"/> has replaced each product that is not in <paramref name="keptFloat"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">There are none.</exception>
    public static ModelProto Rewrite(
        OnnxGraph graph, IReadOnlySet<string> keptFloat, string what, Action<WeightedOperator, Rewriting> rewrite)
    {
        var products = Of(graph).ToDictionary(product => product.Node.Output[0]);
        if (products.Count == 0)
            throw new InvalidDataException(
                $"The model has no MatMul or Gemm with constant float weights, which is what {what} quantizes.{Stacked(graph)}");
        var rewriting = new Rewriting(graph);
        foreach (var node in graph.Graph.Node)
        {
            if (node.OutputAt(0) is { } output && products.TryGetValue(output, out var product) && !keptFloat.Contains(output))
                rewrite(product, rewriting);
            else rewriting.Emit(node.Clone());
        }
        return rewriting.Done();
    }

    /// <summary>The weight of a product as rows (inputs) by columns (outputs), Gemm's factor multiplied in.</summary>
    /// <exception cref="InvalidDataException">A value is not finite; the message says which.</exception>
    public static (float[] Values, int Rows, int Columns) RowMajor(this WeightedOperator product)
    {
        var (columns, rows) = (product.Channels, (int)(product.Weight.Elements() / product.Channels));
        var values = product.Values();
        if (product.Axis == 0)
        {
            var transposed = new float[values.Length];
            for (var column = 0; column < columns; column++)
            {
                for (var row = 0; row < rows; row++) transposed[row * columns + column] = values[column * rows + row];
            }
            values = transposed;
        }
        return (values, rows, columns);
    }

    /// <summary>At most <paramref name="most"/> columns of the same, from all over it: what rounding does to them it does to all.</summary>
    public static (float[] Values, int Rows, int Columns) Some(this WeightedOperator product, int most)
    {
        var (weights, rows, columns) = product.RowMajor();
        var taken = Math.Min(columns, most);
        var some = new float[rows * taken];
        for (var i = 0; i < some.Length; i++) some[i] = weights[i / taken * columns + (int)((long)(i % taken) * columns / taken)];
        return (some, rows, taken);
    }
}

/// <summary>A model in the making.</summary>
internal sealed class Rewriting
{
    private readonly OnnxGraph _source;
    private readonly ModelProto _model;
    private readonly Dictionary<string, (string, string, string)> _once = [];
    private int _numbered;

    public Rewriting(OnnxGraph source)
    {
        _source = source;
        _model = source.Model.Clone();
        _model.Graph.Node.Clear();
        _model.Graph.ValueInfo.Clear();
    }

    /// <summary>Adds a node.</summary>
    public void Emit(NodeProto node) => _model.Graph.Node.Add(node);

    /// <summary>Adds a constant and returns its name.</summary>
    public string Constant(TensorProto tensor)
    {
        _model.Graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    /// <summary>Three names made once for <paramref name="value"/>.</summary>
    public (string, string, string) Once(string value, Func<(string, string, string)> make)
        => _once.TryGetValue(value, out var made) ? made : _once[value] = make();

    /// <summary>Adds the node that makes the product's output, followed by its bias where it has one.</summary>
    public void Finish(WeightedOperator product, Func<string, NodeProto> last)
    {
        var output = product.Node.Output[0];
        if (product.Bias is null)
        {
            Emit(last(output));
            return;
        }
        var unbiased = NewName("p");
        Emit(last(unbiased));
        var bias = product.BiasFactor == 1 ? product.Bias.Name
            : Constant(Tensors.Of(NewName("b"), Array.ConvertAll(product.Bias.ToSingles(), value => value * product.BiasFactor),
                [.. product.Bias.Dims]));
        Emit(Nodes.Node("Add", [unbiased, bias], [output]));
    }

    /// <summary>A short name that no value has.</summary>
    public string NewName(string kind)
    {
        while (true)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{kind}{_numbered++}");
            if (!_source.Names.Contains(name)) return name;
        }
    }

    /// <summary>The model, without the constants that nothing reads any more.</summary>
    public ModelProto Done()
    {
        var read = new HashSet<string>(
            _model.Graph.Node.SelectMany(OnnxGraph.ValuesReadBy).Concat(_model.Graph.Output.Select(output => output.Name)));
        for (var i = _model.Graph.Initializer.Count - 1; i >= 0; i--)
        {
            if (!read.Contains(_model.Graph.Initializer[i].Name)) _model.Graph.Initializer.RemoveAt(i);
        }
        return _model;
    }
}
