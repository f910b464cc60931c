using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Teachers;

/// <summary>A teacher that can be asked: about logits, and about what is inside it.</summary>
internal interface ITeacherModel : IDisposable
{
    /// <summary>Its file.</summary>
    string Path { get; }

    /// <summary>Columns of its logits.</summary>
    int Classes { get; }

    /// <summary>Floating-point weights in the file.</summary>
    long Parameters { get; }

    /// <summary>Makes it show these features beside its logits from now on; none: the logits alone.</summary>
    /// <returns>The features with their shapes, in the order of <paramref name="names"/>.</returns>
    /// <exception cref="BuildException">It has none of that name; the message lists what it has.</exception>
    IReadOnlyList<Feature> Show(IReadOnlyList<string> names);

    /// <summary>Answers for some samples.</summary>
    /// <param name="inputs">Values of the samples, one after the other.</param>
    /// <param name="count">How many.</param>
    /// <param name="rows">For each sample its logits, then what <see cref="Show"/> was told, in that order.</param>
    void Answer(Memory<float> inputs, int count, Span<float> rows);

    /// <summary>Logits of every sample, row by row. From now on it shows nothing else.</summary>
    float[] Logits(SampleSet samples, CancellationToken cancellationToken)
    {
        const int BatchSize = 64;
        Show([]);
        var logits = new float[samples.Count * Classes];
        for (var start = 0; start < samples.Count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = Math.Min(BatchSize, samples.Count - start);
            Answer(samples.Inputs.AsMemory(start * samples.SampleLength, count * samples.SampleLength), count, logits.AsSpan(start * Classes, count * Classes));
        }
        return logits;
    }
}
