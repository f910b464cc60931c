using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Fleet.Modeling.Data;

/// <summary>Finds samples that stand in two parts.</summary>
internal static class SameSamples
{
    /// <summary>How many of <paramref name="samples"/> have exactly the values of one of <paramref name="others"/>.</summary>
    public static int Count(SampleSet samples, SampleSet others)
    {
        var known = Enumerable.Range(0, others.Count).Select(sample => Digest(others, sample)).ToHashSet();
        return Enumerable.Range(0, samples.Count).Count(sample => known.Contains(Digest(samples, sample)));
    }

    // 128 bits of it: among a million samples two alike are chance in less than one of 10^26 cases.
    private static UInt128 Digest(SampleSet samples, int sample)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(samples.Sample(sample)), digest);
        return MemoryMarshal.Read<UInt128>(digest);
    }
}
