using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="Element">Element type.</param>
/// <param name="Datatype">Element type as the Open Inference Protocol names it.</param>
/// <param name="Shape">Extents; -1 where any is taken.</param>
internal sealed record OnnxTensor(string Name, TensorElementType Element, string Datatype, long[] Shape)
{
    /// <summary>True when a tensor of <paramref name="shape"/> fits.</summary>
    public bool Takes(ReadOnlySpan<long> shape)
    {
        if (shape.Length != Shape.Length) return false;
        for (var i = 0; i < shape.Length; i++)
        {
            if (Shape[i] >= 0 && Shape[i] != shape[i]) return false;
        }
        return true;
    }

    /// <summary>A tensor of zeros (or empty strings) with 1 for every free extent.</summary>
    public OrtValue Zeros()
    {
        var tensor = Allocate([.. Shape.Select(extent => Math.Max(extent, 1))]);
        if (Element != TensorElementType.String) tensor.GetTensorMutableRawData().Clear();
        return tensor;
    }

    /// <summary>A tensor of <paramref name="shape"/> in ONNX Runtime's memory, not initialized, for the caller to fill.</summary>
    public OrtValue Allocate(long[] shape) => Element == TensorElementType.String
        ? OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape)
        : OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, Element, shape);

    /// <summary>The tensor as messages name it: <c>'x' FP32 [-1,3,96,96]</c>.</summary>
    public override string ToString() => $"'{Name}' {Datatype} [{string.Join(',', Shape)}]";
}
