using System.Globalization;
using Fleet.Contracts.Tensors;

namespace Fleet.Benchmarks.Quantization;

/// <summary>Samples on disk, each an array for each input.</summary>
internal static class SampleFiles
{
    /// <summary>Samples as a folder for ours, and as one file for the peer's reader.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="folder">A file for each goes there.</param>
    /// <param name="peer">The peer's file.</param>
    /// <param name="more">Arrays that the peer needs beside each sample: it knows of no state, and is given an empty one.</param>
    public static void Write(IReadOnlyList<KeyValuePair<string, NpyArray>[]> samples, string folder, string peer,
        IReadOnlyList<KeyValuePair<string, NpyArray>>? more = null)
    {
        Directory.CreateDirectory(folder);
        foreach (var (i, sample) in samples.Index())
        {
            using var one = File.Create(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{i:000}.npz")));
            NpzArchive.Write(one, sample);
        }
        using var all = File.Create(peer);
        NpzArchive.Write(all, samples.Index().SelectMany(sample => sample.Item.Concat(more ?? []).Select(array
            => KeyValuePair.Create(string.Create(CultureInfo.InvariantCulture, $"{array.Key}.{sample.Index}"), array.Value))));
    }
}
