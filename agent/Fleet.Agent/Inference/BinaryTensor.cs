using System.Buffers;
using System.Buffers.Binary;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>
/// Tensors as bytes: little-endian elements, last axis fastest; strings each behind their length in four bytes. The binary tensor data
/// extension as Triton defines it (https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md).
/// </summary>
internal static class BinaryTensor
{
    /// <summary>A tensor of <paramref name="shape"/>, which has so many <paramref name="elements"/>, from its bytes.</summary>
    /// <exception cref="InferenceException">The bytes are too many or too few for the shape.</exception>
    public static OrtValue Read(ReadOnlySpan<byte> data, OnnxTensor input, long[] shape, int elements)
    {
        if (input.Element == TensorElementType.String) return ReadStrings(data, input, shape, elements);
        var expected = (long)elements * Datatypes.SizeOf(input.Element);
        if (data.Length != expected)
        {
            var needed = $"shape [{string.Join(',', shape)}] of {input.Datatype} needs {expected}";
            throw InferenceException.Malformed($"Input '{input.Name}' has binary_data_size {data.Length}; {needed}.");
        }
        var tensor = input.Allocate(shape);
        // Copied, because ONNX Runtime wants its elements aligned and the request's bytes are where they happen to be.
        data.CopyTo(tensor.GetTensorMutableRawData());
        return tensor;
    }

    /// <summary>Bytes that <see cref="Write"/> will write.</summary>
    public static long SizeOf(OrtValue tensor, TensorElementType element)
    {
        if (element != TensorElementType.String) return tensor.GetTensorMutableRawData().Length;
        var size = 0L;
        var elements = tensor.GetTensorTypeAndShape().ElementCount;
        for (var i = 0; i < elements; i++) size += sizeof(uint) + tensor.GetStringElementAsSpan(i).Length;
        return size;
    }

    /// <summary>Writes a tensor's bytes.</summary>
    public static void Write(IBufferWriter<byte> writer, OrtValue tensor, TensorElementType element)
    {
        if (element != TensorElementType.String)
        {
            writer.Write(tensor.GetTensorMutableRawData());
            return;
        }
        for (var i = 0; i < tensor.GetTensorTypeAndShape().ElementCount; i++)
        {
            var text = tensor.GetStringElementAsSpan(i);
            BinaryPrimitives.WriteInt32LittleEndian(writer.GetSpan(sizeof(int)), text.Length);
            writer.Advance(sizeof(int));
            writer.Write(text);
        }
    }

    private static OrtValue ReadStrings(ReadOnlySpan<byte> data, OnnxTensor input, long[] shape, int elements)
    {
        var tensor = input.Allocate(shape);
        try
        {
            for (var i = 0; i < elements; i++)
            {
                if (data.Length < sizeof(uint)
                    || BinaryPrimitives.ReadUInt32LittleEndian(data) is var length && length > data.Length - sizeof(uint))
                    throw InferenceException.Malformed($"The binary data of input '{input.Name}' ends inside element {i} of {elements}.");
                tensor.StringTensorSetElementAt(data.Slice(sizeof(uint), (int)length), i);
                data = data[(sizeof(uint) + (int)length)..];
            }
            if (data.IsEmpty) return tensor;
            throw InferenceException.Malformed(
                $"The binary data of input '{input.Name}' has {data.Length} bytes more than its {elements} elements.");
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }
}
