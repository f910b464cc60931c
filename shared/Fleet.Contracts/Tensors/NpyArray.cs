using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Fleet.Contracts.Tensors;

/// <summary>
/// An array of NumPy's npy format, versions 1 to 3 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
/// </summary>
/// <param name="Type">Element type as npy names it, without byte order: <c>f4</c>, <c>f8</c>, <c>i1</c>, <c>u1</c>, <c>i4</c>, <c>i8</c>,
/// ….</param>
/// <param name="Shape">Extents.</param>
/// <param name="Data">Elements, little-endian, last axis fastest.</param>
public sealed partial record NpyArray(string Type, IReadOnlyList<int> Shape, ReadOnlyMemory<byte> Data)
{
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Elements in all.</summary>
    public int Length => Data.Length / ElementSize(Type);

    /// <summary>An array of 32-bit floats.</summary>
    public static NpyArray Of(ReadOnlySpan<float> values, params IReadOnlyList<int> shape)
        => new("f4", shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>An array of 64-bit integers.</summary>
    public static NpyArray Of(ReadOnlySpan<long> values, params IReadOnlyList<int> shape)
        => new("i8", shape, MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>Reads one npy file.</summary>
    /// <exception cref="FormatException">The bytes are not an npy file, or hold a type that is not a number.</exception>
    public static NpyArray Parse(ReadOnlyMemory<byte> file)
    {
        var header = ParseHeader(file.Span, Array.MaxLength);
        header.Require(file.Length - header.Start);
        return new NpyArray(header.Type, header.Shape, file[header.Start..]);
    }

    /// <summary>Reads what stands before the elements.</summary>
    /// <param name="bytes">The file, from its beginning on, as far as the elements at least.</param>
    /// <param name="maximumBytes">Most bytes that the elements may take.</param>
    /// <exception cref="FormatException">The bytes begin no npy file, or one of a type that is not a number, or it is larger.</exception>
    public static NpyHeader ParseHeader(ReadOnlySpan<byte> bytes, long maximumBytes)
    {
        if (bytes.Length < 10 || !bytes.StartsWith(Magic))
            throw new FormatException("This is not an npy file: it does not begin as one.");
        var (start, length) = bytes[6] switch
        {
            1 => (10, (int)BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..])),
            2 or 3 when bytes.Length >= 12 => (12, (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]))),
            _ => throw new FormatException($"npy version {bytes[6]} is not read; 1 to 3 are."),
        };
        if (length > bytes.Length - start) throw new FormatException("The npy file ends inside its header.");
        var header = Encoding.Latin1.GetString(bytes.Slice(start, length));

        var description = Description().Match(header);
        var shape = ShapeTuple().Match(header);
        if (!description.Success || !shape.Success)
            throw new FormatException($"The npy header '{header.Trim()}' is not understood: only plain arrays of numbers are read.");
        if (FortranOrder().IsMatch(header))
            throw new FormatException("The npy file is in Fortran order; save it with numpy.ascontiguousarray.");
        if (description.Groups[1].Value == ">")
            throw new FormatException("The npy file is big-endian; save it in the machine's own order.");

        var type = description.Groups[2].Value;
        return new NpyHeader(type, ExtentsOf(shape.Groups[1].Value, type, maximumBytes), start + length);
    }

    private static List<int> ExtentsOf(string shape, string type, long maximumBytes)
    {
        var extents = new List<int>();
        var bytes = (long)ElementSize(type);
        foreach (var text in shape.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var extent)
                || Math.BigMul(bytes, extent) > maximumBytes)
                throw new FormatException($"The npy shape ({shape}) of {type} is larger than an array can be.");
            extents.Add(extent);
            bytes *= extent;
        }
        return extents;
    }

    /// <summary>The bytes of an npy file, version 1.</summary>
    public byte[] ToFile()
    {
        var order = ElementSize(Type) == 1 ? '|' : '<';
        var tuple = string.Join(", ", Shape) + (Shape.Count == 1 ? "," : "");
        var header = $"{{'descr': '{order}{Type}', 'fortran_order': False, 'shape': ({tuple}), }}";
        // The format wants the data aligned to 64 bytes and the header to end with a newline.
        header = header.PadRight((10 + header.Length + 1 + 63) / 64 * 64 - 10 - 1) + "\n";
        return [.. Magic, 1, 0, (byte)header.Length, (byte)(header.Length >> 8), .. Encoding.Latin1.GetBytes(header), .. Data.Span];
    }

    /// <summary>The elements as 32-bit floats, converted where the file holds another type.</summary>
    public float[] ToSingles() => Type == "f4" ? MemoryMarshal.Cast<byte, float>(Data.Span).ToArray() : Convert(value => (float)value);

    /// <summary>The elements as 64-bit integers, fractions cut.</summary>
    public long[] ToInt64s() => Type == "i8" ? MemoryMarshal.Cast<byte, long>(Data.Span).ToArray() : Convert(value => (long)value);

    /// <summary>The elements as 64-bit floats, converted where the file holds another type.</summary>
    public double[] ToDoubles() => Type == "f8" ? MemoryMarshal.Cast<byte, double>(Data.Span).ToArray() : Convert(value => value);

    private T[] Convert<T>(Func<double, T> to)
    {
        var data = Data.Span;
        var values = new T[Length];
        var size = ElementSize(Type);
        for (var i = 0; i < values.Length; i++)
        {
            var element = data[(i * size)..];
            values[i] = to(Type switch
            {
                "f2" => (double)BinaryPrimitives.ReadHalfLittleEndian(element),
                "f4" => BinaryPrimitives.ReadSingleLittleEndian(element),
                "f8" => BinaryPrimitives.ReadDoubleLittleEndian(element),
                "i1" => (sbyte)element[0],
                "u1" or "b1" => element[0],
                "i2" => BinaryPrimitives.ReadInt16LittleEndian(element),
                "u2" => BinaryPrimitives.ReadUInt16LittleEndian(element),
                "i4" => BinaryPrimitives.ReadInt32LittleEndian(element),
                "u4" => BinaryPrimitives.ReadUInt32LittleEndian(element),
                "i8" => BinaryPrimitives.ReadInt64LittleEndian(element),
                _ => BinaryPrimitives.ReadUInt64LittleEndian(element),
            });
        }
        return values;
    }

    /// <summary>Bytes of an element.</summary>
    /// <exception cref="FormatException">The type is not a number that is read here.</exception>
    public static int ElementSize(string type) => type switch
    {
        "i1" or "u1" or "b1" => 1,
        "i2" or "u2" or "f2" => 2,
        "i4" or "u4" or "f4" => 4,
        "i8" or "u8" or "f8" => 8,
        _ => throw new FormatException($"npy element type '{type}' is not a number that is read here."),
    };

    [GeneratedRegex(@"'descr':\s*'([<>|=]?)([a-z]\d+)'")]
    private static partial Regex Description();

    [GeneratedRegex(@"'fortran_order':\s*True")]
    private static partial Regex FortranOrder();

    [GeneratedRegex(@"'shape':\s*\(([\d,\s]*)\)")]
    private static partial Regex ShapeTuple();
}
