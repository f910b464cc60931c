using System.Runtime.InteropServices;
using Fleet.Contracts.Scoring;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>
/// The float model's outputs of every sample, in a file: a detector's are a hundred kilobytes a sample, and every variant is
/// compared with all of them. Memory does not grow with the samples; the system keeps in its cache what fits there.
/// </summary>
internal sealed class KeptOutputs : IReferenceOutputs, IDisposable
{
    private readonly FileStream _file;
    private readonly string[] _names;
    private SampleOutputs? _current;
    private int _place = -1;

    private KeptOutputs(FileStream file, string[] names) => (_file, _names) = (file, names);

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _names;

    /// <summary>Samples that were run.</summary>
    public int Samples { get; private set; }

    /// <summary>Values of all outputs and samples.</summary>
    public long Values { get; private set; }

    /// <summary>
    /// Classes that the first output tells apart, where it holds a row of scores: a single value is the probability of one of two.
    /// </summary>
    public int Classes { get; private set; }

    /// <summary>True when some output is a number other than zero: else they say nothing of another model.</summary>
    public bool HasSignal { get; private set; }

    /// <summary>Runs the model over every sample and keeps what it says.</summary>
    /// <param name="session">The float model.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="names">The outputs that are kept.</param>
    /// <param name="path">The file; it is gone when this is disposed of.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static KeptOutputs Of(
        InferenceSession session, IFeedSource samples, string[] names, string path, CancellationToken cancellationToken)
    {
        var kept = new KeptOutputs(new FileStream(
            path, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose | FileOptions.SequentialScan),
            names);
        try
        {
            foreach (var sample in SampleOutputs.Each(session, samples, names, cancellationToken)) kept.Add(sample);
            return kept;
        }
        catch
        {
            kept.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> ValuesOf(string output, int sample) => _names.Contains(output) ? At(sample).Of(output, out _) : default;

    /// <summary>What was kept of one sample. They are read one after the other; the first may follow any.</summary>
    public SampleOutputs At(int sample)
    {
        if (sample == _place) return _current!;
        if (sample < _place) (_file.Position, _place) = (0, -1);
        while (_place < sample) (_current, _place) = (Next(), _place + 1);
        return _current!;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Add(SampleOutputs sample)
    {
        foreach (var (values, columns) in sample.Values.Zip(sample.Columns))
        {
            _file.Write(MemoryMarshal.AsBytes<int>([values.Length, columns]));
            _file.Write(MemoryMarshal.AsBytes<float>(values));
            Values += values.Length;
            HasSignal |= values.Any(value => value != 0 && float.IsFinite(value));
        }
        Classes = Math.Max(2, sample.Columns[0]);
        // Reading begins at the front, wherever writing ended.
        (_place, Samples) = (int.MaxValue, Samples + 1);
    }

    private SampleOutputs Next()
    {
        var (values, columns) = (new float[_names.Length][], new int[_names.Length]);
        for (var i = 0; i < _names.Length; i++)
        {
            var extents = Read<int>(2);
            (values[i], columns[i]) = (Read<float>(extents[0]), extents[1]);
        }
        return new SampleOutputs(_names, values, columns);
    }

    private T[] Read<T>(int count)
        where T : struct
    {
        var values = new T[count];
        _file.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }
}
