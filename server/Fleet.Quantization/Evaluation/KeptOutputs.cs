using System.Runtime.InteropServices;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// The float model's outputs of every sample, in a file: a detector's are a hundred kilobytes a sample, and every variant is
/// compared with all of them. Memory does not grow with the samples; the system keeps in its cache what fits there.
/// </summary>
internal sealed class KeptOutputs : IDisposable
{
    private readonly FileStream _file;

    private KeptOutputs(FileStream file) => _file = file;

    /// <summary>Rows of the first output over all samples.</summary>
    public int Rows { get; private set; }

    /// <summary>Float values of all outputs and samples.</summary>
    public long Values { get; private set; }

    /// <summary>True when some output is a number other than zero: else they say nothing of another model.</summary>
    public bool HasSignal { get; private set; }

    /// <summary>Runs the model over every sample and keeps what it says.</summary>
    /// <param name="session">The float model.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="path">The file; it is gone when this is disposed of.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static KeptOutputs Of(InferenceSession session, IFeedSource samples, string path, CancellationToken cancellationToken)
    {
        var kept = new KeptOutputs(new FileStream(
            path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose | FileOptions.SequentialScan));
        try
        {
            foreach (var (values, decisions) in AllOutputs.Each(session, samples, cancellationToken))
            {
                kept._file.Write(MemoryMarshal.AsBytes<int>([values.Length, decisions.Length]));
                kept._file.Write(MemoryMarshal.AsBytes<float>(values));
                kept._file.Write(MemoryMarshal.AsBytes<int>(decisions));
                kept.Rows += decisions.Length;
                kept.Values += values.Length;
                kept.HasSignal |= values.Any(value => value != 0 && float.IsFinite(value));
            }
            return kept;
        }
        catch
        {
            kept.Dispose();
            throw;
        }
    }

    /// <summary>What was kept, sample by sample.</summary>
    public IEnumerable<(float[] Values, int[] Decisions)> Samples()
    {
        _file.Position = 0;
        while (_file.Position < _file.Length)
        {
            var lengths = Read<int>(2);
            yield return (Read<float>(lengths[0]), Read<int>(lengths[1]));
        }
    }

    /// <summary>How close another model is, and how many of its decisions are <paramref name="labels"/>.</summary>
    /// <exception cref="InvalidDataException">It gives outputs of other extents.</exception>
    public (Closeness Closeness, int Right) Compare(
        InferenceSession session, IFeedSource samples, IReadOnlyList<long>? labels, CancellationToken cancellationToken)
    {
        var deviation = new OutputScore();
        int rows = 0, agreed = 0, right = 0;
        foreach (var ((values, decisions), (reference, decided)) in AllOutputs.Each(session, samples, cancellationToken).Zip(Samples()))
        {
            if (values.Length != reference.Length || decisions.Length != decided.Length)
                throw new InvalidDataException(
                    $"It gives {values.Length} values for a sample for which the float model gives {reference.Length}; its outputs cannot "
                        + $"be compared.");
            deviation.Add(values, reference);
            for (var i = 0; i < decisions.Length; i++, rows++)
            {
                if (decisions[i] == decided[i]) agreed++;
                if (labels is not null && rows < labels.Count && decisions[i] == labels[rows]) right++;
            }
        }
        return (new Closeness(deviation.SignalToNoise, deviation.Cosine, (double)agreed / Math.Max(1, rows)), right);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private T[] Read<T>(int count)
        where T : struct
    {
        var values = new T[count];
        _file.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
