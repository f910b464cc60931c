using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Inspection;

/// <summary>
/// Tells whether two files can be a float model and a variant of it, by what goes into them and what comes out: it is said before they
/// run, where the runtime would only name what it stumbled over.
/// </summary>
internal static class ModelPair
{
    /// <summary>Names that a sentence lists; of more their number.</summary>
    private const int MostListed = 6;

    /// <summary>What differs between them, in a sentence; null where nothing does.</summary>
    /// <param name="model">The float model.</param>
    /// <param name="variant">What is to be a variant of it.</param>
    public static string? DifferenceOf(GraphProto model, GraphProto variant)
        => DifferenceOf("input", model.Input, variant.Input) ?? DifferenceOf("output", model.Output, variant.Output);

    /// <summary>Why a variant has no layer that could be compared with one of the float model.</summary>
    /// <param name="variant">It.</param>
    public static string NothingIn(ModelProto variant) => QuantizedForm.Of(variant) is { } form
        ? $"it is quantized ({form}), and what these operators make has other names in the float model: give the one that it was made of"
        : "no layer of it is rounded: it computes in 32-bit floats, as a float model does";

    private static string? DifferenceOf(string kind, IReadOnlyList<ValueInfoProto> ofModel, IReadOnlyList<ValueInfoProto> ofVariant)
    {
        foreach (var value in ofModel)
        {
            if (ofVariant.FirstOrDefault(one => one.Name == value.Name) is not { } other)
                return $"the float model has the {kind} {InWords(value)}, and the variant {Listed(ofVariant)}";
            if (!Alike(value.Type?.TensorType, other.Type?.TensorType))
                return $"{kind} {InWords(value)} of the float model is {InWords(other)} in the variant";
        }
        return ofVariant.FirstOrDefault(one => ofModel.All(value => value.Name != one.Name)) is { } more
            ? $"the variant has the {kind} {InWords(more)}, and the float model {Listed(ofModel)}"
            : null;
    }

    private static bool Alike(TypeProto.Types.Tensor? one, TypeProto.Types.Tensor? other)
        => one is null || other is null || one.ElemType == other.ElemType
            && (one.Shape is null || other.Shape is null || one.Shape.Dim.Count == other.Shape.Dim.Count
                && one.Shape.Dim.Zip(other.Shape.Dim).All(pair => !pair.First.HasDimValue || !pair.Second.HasDimValue
                    || pair.First.DimValue == pair.Second.DimValue));

    private static string Listed(IReadOnlyList<ValueInfoProto> values)
        => values.Count is 0 or > MostListed ? $"{values.Count} others" : string.Join(", ", values.Select(InWords));

    private static string InWords(ValueInfoProto value)
    {
        if (value.Type?.TensorType is not { } tensor) return $"'{value.Name}'";
        var extents = tensor.Shape?.Dim.Select(one => one.HasDimValue ? $"{one.DimValue}" : "any");
        return $"'{value.Name}' {((DataType)tensor.ElemType).ToString().ToLowerInvariant()}"
            + (extents is null ? "" : $" ({string.Join(", ", extents)})");
    }
}
