using System.Globalization;
using Fleet.Quantization.Onnx.Protos;
using DataLocation = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataLocation;

namespace Fleet.Quantization.Onnx;

/// <summary>The part that writes them.</summary>
internal static partial class ExternalData
{
    /// <summary>Smaller tensors, such as scales and shapes, stay in the model, as in ONNX's own tools.</summary>
    private const int SmallestApart = 1024;

    /// <summary>Tensors begin at pages, so that a runtime can map them into memory, as the specification recommends.</summary>
    private const int Page = 4096;

    /// <summary>Moves the large constants of <paramref name="model"/> into <paramref name="data"/>.</summary>
    /// <param name="data">Where they go.</param>
    /// <param name="location">Name of that file, beside the model's.</param>
    /// <param name="model">The model; it is changed.</param>
    public static void MoveInto(Stream data, string location, ModelProto model)
    {
        foreach (var tensor in Scopes.Of(model.Graph).SelectMany(graph => graph.Initializer)
            .Where(tensor => tensor.RawData.Length >= SmallestApart))
        {
            data.Write(new byte[(Page - data.Position % Page) % Page]);
            tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
            foreach (var (key, value) in (ReadOnlySpan<(string, long)>)[("offset", data.Position), ("length", tensor.RawData.Length)])
            {
                tensor.ExternalData.Add(
                    new StringStringEntryProto { Key = key, Value = value.ToString(CultureInfo.InvariantCulture) });
            }
            data.Write(tensor.RawData.Span);
            tensor.ClearRawData();
            tensor.DataLocation = DataLocation.External;
        }
    }
}
