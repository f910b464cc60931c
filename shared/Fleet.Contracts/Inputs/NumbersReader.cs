using System.Text.Json;

namespace Fleet.Contracts.Inputs;

/// <summary>Takes the values of a sample as they are: a list of numbers, or lists of lists as the axes of the input nest.</summary>
/// <param name="shape">Extents of one sample.</param>
public sealed class NumbersReader(IReadOnlyList<int> shape) : IInstanceReader
{
    /// <inheritdoc/>
    public int Width { get; } = shape.Aggregate(1, (product, extent) => checked(product * extent));

    /// <inheritdoc/>
    public IReadOnlyList<string> Read(JsonElement instance, Span<float> values) => Read(instance, values, Number);

    /// <summary>Takes the values of a sample that are whole numbers of 64 bits: a float would not hold each of them.</summary>
    /// <inheritdoc cref="Read(JsonElement, Span{float})"/>
    public IReadOnlyList<string> Read(JsonElement instance, Span<long> values) => Read(instance, values, Whole);

    private IReadOnlyList<string> Read<T>(JsonElement instance, Span<T> values, Func<JsonElement, T> read)
    {
        var filled = 0;
        // A list of all numbers stands for any shape; nested lists must have the shape.
        if (instance.ValueKind == JsonValueKind.Array && instance.GetArrayLength() == Width && Array.TrueForAll(
            [.. instance.EnumerateArray()], number => number.ValueKind == JsonValueKind.Number))
        {
            foreach (var number in instance.EnumerateArray()) values[filled++] = read(number);
            return [];
        }
        Fill(instance, 0, values, read, ref filled);
        return [];
    }

    /// <inheritdoc/>
    public void Describe(Utf8JsonWriter json) => json.WriteString("kind"u8, "numbers"u8);

    private void Fill<T>(JsonElement part, int axis, Span<T> values, Func<JsonElement, T> read, ref int filled)
    {
        if (axis == shape.Count)
        {
            values[filled++] = read(part);
            return;
        }
        if (part.ValueKind != JsonValueKind.Array || part.GetArrayLength() != shape[axis])
            throw new FormatException($"it must hold numbers in lists of [{string.Join(", ", shape)}], or {Width} numbers in one list; "
                + (part.ValueKind == JsonValueKind.Array ? $"along axis {axis} it has {part.GetArrayLength()}" : "it does not"));
        foreach (var inner in part.EnumerateArray()) Fill(inner, axis + 1, values, read, ref filled);
    }

    /// <summary>A number as JSON has it.</summary>
    /// <exception cref="FormatException">It is none, or too large for a 32-bit float.</exception>
    internal static float Number(JsonElement value)
        => value.ValueKind == JsonValueKind.Number && value.TryGetSingle(out var number) && float.IsFinite(number) ? number
            : throw new FormatException($"it holds {Limits.Detail(value.GetRawText(), 40)} where a number is needed");

    private static long Whole(JsonElement value)
        => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number
            : throw new FormatException($"it holds {Limits.Detail(value.GetRawText(), 40)} where a whole number of 64 bits is needed");
}
