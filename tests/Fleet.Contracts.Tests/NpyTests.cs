using System.IO.Compression;
using System.Text;
using Fleet.Contracts.Tensors;

namespace Fleet.Contracts.Tests;

public sealed class NpyTests
{
    [Fact]
    public void Array_survives_the_file()
    {
        var array = NpyArray.Of([1.5f, -2, 3, 4, 5, 6], 2, 3);
        var read = NpyArray.Parse(array.ToFile());
        Assert.Equal([2, 3], read.Shape);
        Assert.Equal(array.ToSingles(), read.ToSingles());
        Assert.Equal(0, (array.ToFile().Length - 24) % 64);
    }

    [Theory]
    [InlineData("'<f2'", "003E00C2", 1.5f, -3)]
    [InlineData("'<f4'", "0000C03F000040C0", 1.5f, -3)]
    [InlineData("'<f8'", "000000000000F83F00000000000008C0", 1.5f, -3)]
    [InlineData("'|i1'", "07FD", 7, -3)]
    [InlineData("'|u1'", "07FD", 7, 253)]
    [InlineData("'|b1'", "0001", 0, 1)]
    [InlineData("'<i2'", "0700FDFF", 7, -3)]
    [InlineData("'<u2'", "0700FDFF", 7, 65533)]
    [InlineData("'<i4'", "07000000FDFFFFFF", 7, -3)]
    [InlineData("'<u4'", "07000000FDFFFFFF", 7, 4294967293f)]
    [InlineData("'<i8'", "0700000000000000FDFFFFFFFFFFFFFF", 7, -3)]
    [InlineData("'<u8'", "0700000000000000FDFFFFFFFFFFFFFF", 7, 18446744073709551613f)]
    [InlineData("'=f4'", "0000C03F000040C0", 1.5f, -3)]
    public void Every_kind_of_number_is_read(string descr, string data, float first, float second)
        => Assert.Equal([first, second], NpyArray.Parse(File(Header(descr, "(2,)"), Convert.FromHexString(data))).ToSingles());

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Every_version_of_the_format_is_read(byte version)
        => Assert.Equal([7L, -3], NpyArray.Parse(File(Header("'|i1'", "(2,)"), [7, 0xFD], version)).ToInt64s());

    [Theory]
    [InlineData("()", 1)]
    [InlineData("(1,)", 1)]
    [InlineData("(0,)", 0)]
    [InlineData("(2, 0, 3)", 0)]
    [InlineData("(1, 2, 3)", 6)]
    public void Shape_may_be_a_scalar_empty_or_deep(string shape, int bytes)
        => Assert.Equal(bytes, NpyArray.Parse(File(Header("'|u1'", shape), new byte[bytes])).Length);

    [Fact]
    public void Values_that_are_not_numbers_stay_so()
    {
        Assert.True(float.IsNaN(NpyArray.Parse(NpyArray.Of([float.NaN, 1], 2).ToFile()).ToSingles()[0]));
        Assert.True(float.IsNaN(NpyArray.Parse(File(Header("'<f8'", "(1,)"), BitConverter.GetBytes(double.NaN))).ToSingles()[0]));
        Assert.True(float.IsPositiveInfinity(NpyArray.Parse(File(Header("'<f8'", "(1,)"), BitConverter.GetBytes(1e300))).ToSingles()[0]));
    }

    [Theory]
    [InlineData("'<f4'", "(3,)", "needs 12")]
    [InlineData("'>f4'", "(1,)", "big-endian")]
    [InlineData("'|O'", "(1,)", "only plain arrays of numbers")]
    [InlineData("'<U4'", "(1,)", "only plain arrays of numbers")]
    [InlineData("'<c8'", "(1,)", "'c8' is not a number")]
    [InlineData("'<M8[ns]'", "(1,)", "only plain arrays of numbers")]
    [InlineData("[('a', '<f4')]", "(1,)", "only plain arrays of numbers")]
    [InlineData("'|u1'", "(99999999999,)", "larger than an array can be")]
    [InlineData("'|u1'", "(2000000000, 2000000000, 2000000000)", "larger than an array can be")]
    [InlineData("'|u1'", "(-1,)", "only plain arrays of numbers")]
    [InlineData("'|u1'", "(1 2,)", "larger than an array can be")]
    public void Header_that_is_not_understood_is_refused_by_what_it_says(string descr, string shape, string says)
        => Assert.Contains(says, Assert.Throws<FormatException>(() => NpyArray.Parse(File(Header(descr, shape), new byte[4]))).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("'fortran_order': True")]
    [InlineData("'fortran_order':True")]
    public void Fortran_order_is_refused_with_the_remedy(string order)
    {
        var header = Header("'|u1'", "(2, 2)").Replace("'fortran_order': False", order, StringComparison.Ordinal);
        Assert.Contains("ascontiguousarray", Assert.Throws<FormatException>(() => NpyArray.Parse(File(header, new byte[4]))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void File_that_is_cut_short_anywhere_is_refused()
    {
        var file = NpyArray.Of([1L, 2, 3], 3).ToFile();
        for (var length = 0; length < file.Length; length++) Assert.Throws<FormatException>(() => NpyArray.Parse(file.AsMemory(0, length)));
        Assert.Contains("needs 24", Assert.Throws<FormatException>(() => NpyArray.Parse(file.AsMemory(0, file.Length - 1))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void File_with_any_byte_changed_is_read_or_refused()
    {
        var file = NpyArray.Of([1L, 2, 3], 3).ToFile();
        for (var at = 0; at < file.Length; at++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var changed = (byte[])file.Clone();
                changed[at] ^= (byte)(1 << bit);
                try { NpyArray.Parse(changed).ToInt64s(); }
                catch (FormatException) { }
            }
        }
    }

    [Fact]
    public void Archive_that_unpacks_to_more_than_allowed_is_refused()
    {
        using var file = Archive(("x.npy", NpyArray.Of(new float[1000], 1000).ToFile()));
        Assert.Throws<FormatException>(() => NpzArchive.Read(file, 1000));
        Assert.Equal(1000, NpzArchive.Read(file, 10_000)["x"].Length);
    }

    [Fact]
    public void Arrays_count_together_against_what_is_allowed()
    {
        var array = NpyArray.Of(new float[1000], 1000).ToFile();
        using var file = Archive(("x.npy", array), ("y.npy", array));
        Assert.Throws<FormatException>(() => NpzArchive.Read(file, array.Length * 2 - 1));
        Assert.Equal(["x", "y"], NpzArchive.Read(file, array.Length * 2).Keys);
    }

    [Fact]
    public void Archive_that_claims_more_than_deflate_can_pack_is_refused_before_memory_is_taken()
    {
        // The size in the directory of the zip is raised to 1 GiB; the content stays as it is.
        var bytes = Archive(("x.npy", NpyArray.Of([1f], 1).ToFile())).ToArray();
        var directory = bytes.AsSpan().IndexOf("PK\u0001\u0002"u8);
        BitConverter.TryWriteBytes(bytes.AsSpan(directory + 24), 1 << 30);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<FormatException>(() => NpzArchive.Read(new MemoryStream(bytes), long.MaxValue));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 16 << 20);
    }

    [Fact]
    public void Archive_with_any_byte_changed_is_read_or_refused()
    {
        var file = Archive(("x.npy", NpyArray.Of([1f, 2, 3], 3).ToFile())).ToArray();
        for (var at = 0; at < file.Length; at++)
        {
            var changed = (byte[])file.Clone();
            changed[at] ^= 0x55;
            try { NpzArchive.Read(new MemoryStream(changed), 1 << 20); }
            catch (FormatException) { }
        }
    }

    [Fact]
    public void Entry_of_an_archive_that_is_not_an_array_is_passed_over()
    {
        using var file = Archive(("readme.txt", "hello"u8.ToArray()), ("x.npy", NpyArray.Of([1L], 1).ToFile()));
        Assert.Equal(["x"], NpzArchive.Read(file, 1000).Keys);
    }

    [Fact]
    public void Same_arrays_make_the_same_bytes()
    {
        KeyValuePair<string, NpyArray>[] arrays = [new("input", NpyArray.Of([1f, 2], 2)), new("labels", NpyArray.Of([0L], 1))];
        Assert.Equal(Written(arrays), Written(arrays));
    }

    private static byte[] Written(KeyValuePair<string, NpyArray>[] arrays)
    {
        using var file = new MemoryStream();
        NpzArchive.Write(file, arrays);
        return file.ToArray();
    }

    private static string Header(string descr, string shape) => $"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n";

    private static byte[] File(string header, byte[] data, byte version = 1) =>
    [
        0x93, .. "NUMPY"u8, version, 0,
        .. version == 1 ? BitConverter.GetBytes((ushort)header.Length) : BitConverter.GetBytes(header.Length),
        .. Encoding.Latin1.GetBytes(header), .. data,
    ];

    private static MemoryStream Archive(params (string Name, byte[] Content)[] entries)
    {
        var file = new MemoryStream();
        using (var archive = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in entries)
            {
                using var entry = archive.CreateEntry(name).Open();
                entry.Write(content);
            }
        }
        file.Position = 0;
        return file;
    }
}
