using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Fleet.Modeling.Torch;
using static TorchSharp.torch;

namespace Fleet.Modeling.Tests.Torch;

public sealed class AlignedTensorTests
{
    public AlignedTensorTests() => NativeEnvironment.Prepare();

    /// <summary>At each place that an array can lie at against a cache line.</summary>
    [Fact]
    public void Numbers_lie_where_torch_would_put_them()
    {
        using var scope = NewDisposeScope();
        float[] numbers = [.. Enumerable.Range(0, 64).Select(i => (float)i)];
        for (var from = 0; from < 32; from++)
        {
            var tensor = AlignedTensor.Of(numbers.AsMemory(from, 32), [4, 8], CPU);
            Assert.Equal(numbers[from..(from + 32)], tensor.data<float>().ToArray());
            var bytes = tensor.bytes;
            Assert.Equal(0, Address(bytes) % 64);
        }
    }

    private static nint Address(Span<byte> bytes) => Unsafe.ByteOffset(ref Unsafe.NullRef<byte>(), ref MemoryMarshal.GetReference(bytes));
}
