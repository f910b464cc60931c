using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Proof;

/// <summary>
/// Samples of any kind as the npz files that the agent's validation reads: for each input one array, its first axis counting samples.
/// Where samples differ in shape, as pictures do that keep their size, those alike are in one file.
/// State that a model carries is written as <c>model</c> carried it: every processor then starts each sample alike.
/// </summary>
internal static class FeedArchive
{
    /// <summary>Writes at most <paramref name="most"/> samples.</summary>
    /// <param name="folder">Where the files go; it is made.</param>
    /// <param name="model">What carries state from one to the next.</param>
    /// <param name="source">The samples.</param>
    /// <param name="labels">Class of each; null for none.</param>
    /// <param name="most">Samples that are written at most.</param>
    /// <returns>The file or, where samples differ in shape, the folder of files, and how many samples are there.</returns>
    /// <exception cref="InvalidDataException">The samples hold what an npz does not, or the model does not run on them.</exception>
    public static (string Set, int Samples) Write(
        string folder, InferenceSession model, IFeedSource source, IReadOnlyList<long>? labels, int most)
    {
        using var options = new RunOptions();
        var sets = new OrderedDictionary<string, (Dictionary<string, Stack> Stacks, List<long> Labels)>();
        foreach (var (sample, feed) in source.Batches(1).Take(most).Index())
        {
            using (feed)
            {
                var shapes = string.Join(' ', feed.Values.Select(value => string.Join('x', value.GetTensorTypeAndShape().Shape)));
                if (!sets.TryGetValue(shapes, out var set)) sets[shapes] = set = ([], []);
                foreach (var (name, value) in feed.Names.Zip(feed.Values))
                {
                    if (!set.Stacks.TryGetValue(name, out var stack)) set.Stacks[name] = stack = Stack.Of(name, value);
                    stack.Add(name, value);
                }
                // Of samples without labels it only counts them.
                set.Labels.Add(labels?[sample] ?? 0);
                // Runs the model only where its state is wanted.
                Run(feed, model, options);
            }
        }
        Directory.CreateDirectory(folder);
        string[] files = [
            .. sets.Values.Index().Select(set => Written(Path.Combine(folder, FormattableString.Invariant($"{set.Index:D8}.npz")),
                set.Item.Stacks, set.Item.Labels, labels is not null)),
        ];
        return (files is [var only] ? only : folder, sets.Values.Sum(set => set.Labels.Count));
    }

    private static string Written(string path, Dictionary<string, Stack> stacks, List<long> labels, bool labelled)
    {
        var arrays = stacks.Select(stack => KeyValuePair.Create(stack.Key, stack.Value.ToArray(labels.Count)));
        if (labelled) arrays = arrays.Append(new("labels", NpyArray.Of([.. labels], labels.Count)));
        using var file = File.Create(path);
        NpzArchive.Write(file, arrays);
        return path;
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
            Bytes.Write(value.GetTensorMutableRawData());
            if (Bytes.Length > Array.MaxLength / 2)
                throw new InvalidDataException($"The samples of '{name}' take more than {Array.MaxLength / 2} bytes; give fewer.");
        }

        // One axis more than the input has: the agent then feeds a whole input for each sample.
        public NpyArray ToArray(int count) => new(Type, [count, .. Shape.Select(extent => (int)extent)], Bytes.ToArray());
    }
}
