using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Proof;

/// <summary>
/// Samples of any kind as the npz that the agent's validation reads: for each input one array, its first axis counting samples.
/// State that a model carries is written as <c>model</c> carried it: every processor then starts each sample alike.
/// </summary>
internal static class FeedArchive
{
    /// <summary>Writes at most <paramref name="most"/> samples and returns how many it were.</summary>
    /// <exception cref="InvalidDataException">The samples differ in shape, or hold what an npz does not.</exception>
    public static int Write(string path, InferenceSession model, IFeedSource source, IReadOnlyList<long>? labels, int most)
    {
        using var options = new RunOptions();
        var stacks = new Dictionary<string, Stack>();
        var count = 0;
        foreach (var feed in source.Batches(1))
        {
            using (feed)
            {
                foreach (var (name, value) in feed.Names.Zip(feed.Values))
                {
                    if (!stacks.TryGetValue(name, out var stack)) stacks[name] = stack = Stack.Of(name, value);
                    stack.Add(name, value);
                }
                // Runs the model only where its state is wanted.
                Run(feed, model, options);
            }
            if (++count == most) break;
        }
        var arrays = stacks.Select(stack => KeyValuePair.Create(stack.Key, stack.Value.ToArray(count)));
        if (labels is not null) arrays = arrays.Append(new("labels", NpyArray.Of([.. labels.Take(count)], count)));
        using var file = File.Create(path);
        NpzArchive.Write(file, arrays);
        return count;
    }

    private static void Run(Feed feed, InferenceSession model, RunOptions options)
    {
        try
        {
            feed.Run(model, options, []).Dispose();
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidDataException($"The model does not run on these samples; ONNX Runtime says: {e.Message.Trim()}", e);
        }
    }

    /// <summary>The values of one input, sample after sample.</summary>
    private sealed record Stack(string Type, long[] Shape, MemoryStream Bytes)
    {
        public static Stack Of(string name, OrtValue value)
        {
            var tensor = value.GetTensorTypeAndShape();
            return new Stack(tensor.ElementDataType switch
            {
                TensorElementType.Float => "f4",
                TensorElementType.Float16 => "f2",
                TensorElementType.Double => "f8",
                TensorElementType.Int64 => "i8",
                TensorElementType.Int32 => "i4",
                TensorElementType.Int8 => "i1",
                TensorElementType.UInt8 => "u1",
                TensorElementType.Bool => "b1",
                var other => throw new InvalidDataException($"Input '{name}' takes {other}, which an npz of samples does not hold."),
            }, tensor.Shape, new MemoryStream());
        }

        public void Add(string name, OrtValue value)
        {
            var shape = value.GetTensorTypeAndShape().Shape;
            if (!shape.SequenceEqual(Shape))
                throw new InvalidDataException(
                    $"Samples of '{name}' differ in shape ([{string.Join(',', Shape)}] and [{string.Join(',', shape)}]); to prove a "
                        + $"variant all must have the same.");
            Bytes.Write(value.GetTensorMutableRawData());
            if (Bytes.Length > Array.MaxLength / 2)
                throw new InvalidDataException($"The samples of '{name}' take more than {Array.MaxLength / 2} bytes; give fewer.");
        }

        // One axis more than the input has: the agent then feeds a whole input for each sample.
        public NpyArray ToArray(int count) => new(Type, [count, .. Shape.Select(extent => (int)extent)], Bytes.ToArray());
    }
}
