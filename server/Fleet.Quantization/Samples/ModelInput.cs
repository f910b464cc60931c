using System.Globalization;
using System.Runtime.InteropServices;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Quantization.Samples;

/// <summary>An input of any model: what it takes, and how values become it.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="Type">Element type.</param>
/// <param name="Extents">Extents; -1 where any is taken.</param>
/// <param name="Symbols">Names of the free extents; equal names must have equal extents.</param>
internal sealed record ModelInput(string Name, TensorElementType Type, IReadOnlyList<int> Extents, IReadOnlyList<string> Symbols)
{
    /// <summary>The inputs of a model.</summary>
    /// <exception cref="InvalidDataException">One of them is not a tensor of numbers.</exception>
    public static IReadOnlyList<ModelInput> Of(InferenceSession session)
        => [.. session.InputMetadata.Select(input => input.Value is { IsTensor: true, ElementDataType: not TensorElementType.String }
            ? new ModelInput(input.Key, input.Value.ElementDataType, input.Value.Dimensions, input.Value.SymbolicDimensions)
            : throw new InvalidDataException($"Input '{input.Key}' is not a tensor of numbers; only such inputs can be fed."))];

    /// <summary>
    /// Rows of the table that this input's values are looked up in, such as the vocabulary of a language model; null when there is none.
    /// </summary>
    public LookupTable? Table { get; init; }

    /// <summary>The same inputs, with the tables of <paramref name="model"/> that they are looked up in.</summary>
    public static IReadOnlyList<ModelInput> WithTables(IReadOnlyList<ModelInput> inputs, ModelProto model)
    {
        var graph = new OnnxGraph(model);
        var tables = new Dictionary<string, LookupTable>();
        foreach (var lookup in model.Graph.Node.Where(node => node.Is("Gather") && node.Int("axis", 0) == 0))
        {
            // Casts and changes of shape leave the numbers as they are.
            var indices = lookup.InputAt(1);
            while (indices is not null
                && graph.ProducerOf(indices) is
                {
                    OpType: "Cast" or "Identity" or "Reshape" or "Squeeze" or "Unsqueeze" or "Flatten"
                } before)
                indices = before.InputAt(0);
            if (indices is null || !graph.IsInput(indices) || graph.Constant(lookup.InputAt(0)) is not { Dims: [var rows, ..] } table)
                continue;
            if (!tables.TryGetValue(indices, out var known) || rows < known.Rows) tables[indices] = new LookupTable(table.Name, rows);
        }
        return [.. inputs.Select(input => input with { Table = tables.GetValueOrDefault(input.Name) })];
    }

    /// <summary>True when a tensor of these extents is taken.</summary>
    public bool Takes(IReadOnlyList<int> extents)
        => extents.Count == Extents.Count && extents.Zip(Extents).All(pair => pair.Second < 0 || pair.First == pair.Second);

    /// <summary>What the named free axes of some inputs are in samples of these shapes.</summary>
    public static IReadOnlyDictionary<string, int> FreeExtents(IEnumerable<(ModelInput Input, IReadOnlyList<int> Shape)> samples)
    {
        var extents = new Dictionary<string, int>();
        foreach (var (input, shape) in samples)
        {
            foreach (var (axis, extent) in shape.Index().Where(pair => input.Extents[pair.Index] < 0))
                extents.TryAdd(input.Symbols[axis], extent);
        }
        return extents;
    }

    /// <summary>A value for this input; numbers are converted to its type.</summary>
    public OrtValue Value(NpyArray array)
    {
        var value = OrtValue.CreateAllocatedTensorValue(
            OrtAllocator.DefaultInstance, Type, [.. array.Shape.Select(extent => (long)extent)]);
        BytesOf(array).CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    /// <summary>Refuses values that this input cannot mean.</summary>
    /// <exception cref="InvalidDataException">A float is NaN or infinite, or an integer input is given something else.</exception>
    public void Check(NpyArray sample, string source, int number)
    {
        if (Table is { } table && Array.FindIndex(sample.ToInt64s(), value => value >= table.Rows || value < -table.Rows) is >= 0
            and var beyond)
        {
            throw new InvalidDataException(
                $"{source}: array '{Name}' holds {sample.ToInt64s()[beyond]} in sample {number}, and the model's table '{table.Name}' has "
                    + $"{table.Rows} rows; "
                + "the samples are of a larger vocabulary than the model's: make them with the tokenizer it was trained with.");
        }
        if (sample.Type[0] != 'f') return;
        var values = sample.ToSingles();
        var takesFloats = Type is TensorElementType.Float or TensorElementType.Float16 or TensorElementType.Double;
        var at = Array.FindIndex(
            values, value => takesFloats ? !float.IsFinite(value) : value != MathF.Truncate(value) || !float.IsFinite(value));
        if (at < 0) return;
        throw new InvalidDataException(
            string.Create(CultureInfo.InvariantCulture, $"{source}: array '{Name}' holds {values[at]} in sample {number}, at {at}; ")
            + (takesFloats
                ? "every value must be a finite number: repair or leave out that sample."
                : $"input {this} takes whole numbers."));
    }

    private ReadOnlySpan<byte> BytesOf(NpyArray array) => Type switch
    {
        TensorElementType.Float => MemoryMarshal.AsBytes<float>(array.ToSingles()),
        TensorElementType.Float16 => MemoryMarshal.AsBytes<Half>(Array.ConvertAll(array.ToSingles(), value => (Half)value)),
        TensorElementType.Double => MemoryMarshal.AsBytes<double>(Array.ConvertAll(array.ToSingles(), value => (double)value)),
        TensorElementType.Int64 => MemoryMarshal.AsBytes<long>(array.ToInt64s()),
        TensorElementType.Int32 => MemoryMarshal.AsBytes<int>(Array.ConvertAll(array.ToInt64s(), value => (int)value)),
        TensorElementType.UInt8 or TensorElementType.Int8 or TensorElementType.Bool =>
            Array.ConvertAll(array.ToInt64s(), value => (byte)value),
        _ => throw new InvalidDataException($"Input '{Name}' takes {Type}, which samples cannot be converted to."),
    };

    /// <summary>The input in words, for messages.</summary>
    public override string ToString()
        => $"'{Name}' {Type} ({string.Join(", ", Extents.Select(extent => extent < 0 ? "any" : $"{extent}"))})";
}

/// <summary>A constant whose rows are looked up by number.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="Rows">Rows it has.</param>
internal sealed record LookupTable(string Name, long Rows);
