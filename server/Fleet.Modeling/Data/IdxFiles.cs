using System.Buffers.Binary;

namespace Fleet.Modeling.Data;

/// <summary>
/// Samples from IDX files, the format of MNIST and its relatives: two zero bytes, an element type, the number of axes, the
/// extents, then the elements, all big-endian (http://yann.lecun.com/exdb/mnist/). 0x00000803 opens a file of grey images,
/// 0x00000801 one of labels.
/// </summary>
internal static class IdxFiles
{
    private const int MaximumAxes = 8;

    /// <param name="path">The inputs.</param>
    /// <param name="labelsPath">The labels; null for none.</param>
    /// <param name="room">Where the inputs are kept; null for memory.</param>
    public static RawSamples Read(string path, string? labelsPath, SampleRoom? room = null)
    {
        var (shape, inputs, _) = Parse(path, room ?? SampleRoom.Memory);
        if (labelsPath is null && shape.Length >= 2) return new RawSamples(path, inputs, shape[1..], RawLabels.None(shape[0]));
        var (labelShape, labels, type) = Parse(labelsPath ?? path, SampleRoom.Memory);
        if (shape.Length < 2)
            throw new BuildException(
                $"Data file {path} has {shape.Length} axis; inputs need at least two, the first of them the samples. Are train and "
                    + "trainLabels exchanged?");
        if (labelShape.Length != 1)
            throw new BuildException(
                $"Data file {labelsPath} has {labelShape.Length} axes; labels need one. Are train and trainLabels exchanged?");
        if (shape[0] != labelShape[0])
            throw new BuildException(
                $"Data file {path} has {shape[0]} samples and {labelsPath} has {labelShape[0]} labels; both must be of the same samples.");
        return new RawSamples(path, inputs, shape[1..],
            new RawLabels(Array.ConvertAll(labels.ToArray(), label => (double)label)) { Whole = IsWhole(type) });
    }

    private static (int[] Shape, SampleValues Values, byte Type) Parse(string path, SampleRoom room)
    {
        var file = DataFiles.Read(path);
        if (file.Length < 4 || file[0] != 0 || file[1] != 0 || ElementSize(file[2]) is not { } size || file[3] is 0 or > MaximumAxes)
            throw new BuildException(
                $"Data file {path} begins with 0x{Convert.ToHexString(file.AsSpan(0, Math.Min(4, file.Length)))}, which opens no IDX file "
                    + "(0x00000803 for images, 0x00000801 for labels).");
        var shape = new int[file[3]];
        var start = 4 + 4 * shape.Length;
        if (file.Length < start) throw new BuildException($"Data file {path} ends inside its header; copy it again.");
        for (var axis = 0; axis < shape.Length; axis++) shape[axis] = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(4 + 4 * axis));
        // Held against the file's length as it grows: extents from a damaged header overflow nothing.
        var expected = shape.Aggregate((long)size, (bytes, extent) => extent < 0 || bytes > file.Length ? long.MaxValue : bytes * extent);
        if (expected != file.Length - start)
            throw new BuildException(
                $"Data file {path} has {file.Length - start} bytes of data, which is not what its shape ({string.Join(", ", shape)}) "
                    + "needs; copy it again.");

        var width = shape.Skip(1).Aggregate(1, (product, extent) => product * extent);
        var values = room.Take((file.Length - start) / size);
        for (var first = 0; first < values.Length; first += width)
        {
            var sample = values.Part(first, width);
            for (var i = 0; i < width; i++) sample[i] = Element(file[2], file.AsSpan(start + (first + i) * size));
        }
        return (shape, values, file[2]);
    }

    private static bool IsWhole(byte type) => type is not (0x0d or 0x0e);

    private static int? ElementSize(byte type) => type switch { 0x08 or 0x09 => 1, 0x0b => 2, 0x0c or 0x0d => 4, 0x0e => 8, _ => null };

    private static float Element(byte type, ReadOnlySpan<byte> at) => type switch
    {
        0x08 => at[0],
        0x09 => (sbyte)at[0],
        0x0b => BinaryPrimitives.ReadInt16BigEndian(at),
        0x0c => BinaryPrimitives.ReadInt32BigEndian(at),
        0x0d => BinaryPrimitives.ReadSingleBigEndian(at),
        _ => (float)BinaryPrimitives.ReadDoubleBigEndian(at),
    };
}
