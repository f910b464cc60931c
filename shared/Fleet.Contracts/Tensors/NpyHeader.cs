namespace Fleet.Contracts.Tensors;

/// <summary>What stands before the elements of an npy file.</summary>
/// <param name="Type">Element type, as <see cref="NpyArray"/> has it.</param>
/// <param name="Shape">Extents.</param>
/// <param name="Start">Where the elements begin, in bytes.</param>
public sealed record NpyHeader(string Type, IReadOnlyList<int> Shape, int Start)
{
    /// <summary>Elements in all.</summary>
    public long Length => Shape.Aggregate(1L, (product, extent) => product * extent);

    /// <summary>Requires that so many bytes follow as the shape needs.</summary>
    /// <exception cref="FormatException">There are more or fewer.</exception>
    public void Require(long bytes)
    {
        if (bytes != Length * NpyArray.ElementSize(Type))
            throw new FormatException($"The npy file has {bytes} bytes of data; its shape ({string.Join(", ", Shape)}) of {Type} needs "
                + $"{Length * NpyArray.ElementSize(Type)}.");
    }
}
