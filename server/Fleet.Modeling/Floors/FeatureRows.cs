using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Floors;

/// <summary>Rows of features that are made when they are asked for: those of all samples may be more than memory holds.</summary>
/// <param name="Count">Rows.</param>
/// <param name="Width">Features of a row.</param>
/// <param name="Write">Writes the rows from one on, row by row, until the place for them is full.</param>
internal sealed record FeatureRows(int Count, int Width, Action<int, Memory<float>> Write)
{
    /// <summary>Values and rows that are held while they are asked about; an answer may compare each row with thousands.</summary>
    private const int MostValues = 2_000_000, MostRows = 2_048;

    /// <summary>Rows that are held.</summary>
    public FeatureRows(float[] values, int width)
        : this(values.Length / width, width, (start, into) => values.AsMemory(start * width, into.Length).CopyTo(into))
    {
    }

    /// <summary>Values of samples, scaled as networks scale them.</summary>
    public static FeatureRows Scaled(SampleSet samples, Normalization normalization) => new(samples.Count, samples.SampleLength,
        (start, into) =>
        {
            var (length, plane) = (samples.SampleLength, samples.SampleLength / samples.SampleShape[0]);
            for (var row = 0; row < into.Length / length; row++)
            {
                var sample = samples.Sample(start + row);
                var scaled = into.Span.Slice(row * length, length);
                for (var i = 0; i < length; i++)
                    scaled[i] = (sample[i] - normalization.Mean[i / plane]) * normalization.Scale[i / plane];
            }
        });

    /// <summary>The first rows.</summary>
    public float[] First(int count)
    {
        var values = new float[checked(count * Width)];
        Write(0, values);
        return values;
    }

    /// <summary>What <paramref name="answer"/> says of each row; it is asked about some of them at once.</summary>
    public float[] Ask(Func<Memory<float>, float[]> answer, CancellationToken cancellationToken)
    {
        var atOnce = Math.Clamp(Math.Min(MostRows, MostValues / Width), 1, Math.Max(1, Count));
        var (answers, rows) = (new List<float>(), new float[atOnce * Width]);
        for (var start = 0; start < Count; start += atOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var some = rows.AsMemory(0, Math.Min(atOnce, Count - start) * Width);
            Write(start, some);
            answers.AddRange(answer(some));
        }
        return [.. answers];
    }
}
