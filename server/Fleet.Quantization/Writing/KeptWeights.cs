using System.Numerics.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Writing;

/// <summary>
/// Weights of operators that were kept float in a quantized model: 16 or 8 bits in the file, float once it is loaded. What computes with
/// them has only constants before them, so the runtime makes floats of them once.
/// </summary>
internal static class KeptWeights
{
    /// <summary>
    /// Largest error of rounding to 16 bits, against the weight as a whole: ten bits of fraction leave 0.0003. Weights that are mostly
    /// smaller than 16 bits have exponents for lose more.
    /// </summary>
    private const double LargestError = 0.001;

    /// <summary>Fewer values than this take fewer bytes as they are than a Cast takes.</summary>
    private const int SmallestExact = 32;

    /// <summary>The weights that are float in <paramref name="model"/>, the largest first.</summary>
    public static IReadOnlyList<StoredWeight> Of(ModelProto model)
        => [
            .. StoredWeight.Of(model).Where(weight => weight.Tensor.Is(DataType.Float))
                .OrderByDescending(weight => weight.Tensor.Elements()),
        ];

    /// <summary>A copy of <paramref name="model"/> with some of its weights in 8 bits and the others in 16.</summary>
    /// <param name="model">The quantized model.</param>
    /// <param name="bytes">Names of those with 8 bits.</param>
    public static ModelProto Stored(ModelProto model, IReadOnlySet<string> bytes)
    {
        var written = model.Clone();
        var weights = Of(written);
        WeightsAtRest.Store(written, weights.Where(weight => bytes.Contains(weight.Tensor.Name)));
        var taken = new HashSet<string>(new OnnxGraph(written).Names);
        foreach (var weight in weights.Where(weight => !bytes.Contains(weight.Tensor.Name))) Halve(weight.Home, weight.Tensor, taken);
        return written;
    }

    /// <summary>Stores the weights of some operators in 16 bits; the model is changed and returned.</summary>
    /// <param name="model">The quantized model.</param>
    /// <param name="operators">First outputs of operators that are float in it.</param>
    public static ModelProto Halved(ModelProto model, IReadOnlySet<string> operators)
    {
        var taken = new HashSet<string>(new OnnxGraph(model).Names);
        foreach (var weight in Of(model).Where(weight => weight.Readers.All(operators.Contains))) Halve(weight.Home, weight.Tensor, taken);
        return model;
    }

    /// <summary>
    /// Stores constants that lose nothing by it in 16 bits, as they were before the float model was made; the model is changed and
    /// returned.
    /// </summary>
    /// <param name="model">A model whose weights were 16-bit floats.</param>
    public static ModelProto HalvedExactly(ModelProto model)
    {
        var taken = new HashSet<string>(new OnnxGraph(model).Names);
        model.Graph.ValueInfo.Clear();
        foreach (var home in Scopes.Of(model.Graph).ToArray())
        {
            foreach (var constant in home.Initializer.Where(one => one.Is(DataType.Float) && one.Elements() >= SmallestExact).ToArray())
            {
                if (constant.ToSingles().All(value => (float)(Half)value == value)) Halve(home, constant, taken);
            }
        }
        return model;
    }

    /// <summary>Values in 16 bits; null where one is larger than those hold, or not finite.</summary>
    public static Half[]? Halves(float[] values)
    {
        // What is not a number is no magnitude, and compares false.
        if (!(TensorPrimitives.MaxMagnitude<float>(values) <= (float)Half.MaxValue)) return null;
        var halves = new Half[values.Length];
        TensorPrimitives.ConvertToHalf(values, halves);
        return halves;
    }

    /// <summary>Stores a constant in 16 bits where these hold it well enough, and makes it float in front of all that reads it.</summary>
    /// <param name="home">The graph that holds it.</param>
    /// <param name="constant">The constant.</param>
    /// <param name="taken">Names that there are.</param>
    public static void Halve(GraphProto home, TensorProto constant, HashSet<string> taken)
    {
        var values = constant.ToSingles();
        if (Halves(values) is not { } halves) return;
        var rounded = new float[values.Length];
        TensorPrimitives.ConvertToSingle(halves, rounded);
        if (TensorPrimitives.Distance<float>(values, rounded) > LargestError * TensorPrimitives.Norm<float>(values)) return;
        var half = Nodes.NewName("h", taken);
        home.Initializer.Remove(constant);
        home.Initializer.Add(Tensors.Of(half, halves, [.. constant.Dims]));
        // It keeps its name, and comes before everything that reads it.
        home.Node.Insert(0, Nodes.Node("Cast", [half], [constant.Name]).With("to", (long)DataType.Float));
    }
}
