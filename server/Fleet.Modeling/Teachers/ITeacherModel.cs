using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Teachers;

/// <summary>A teacher that can be asked: for its answers, and about what is inside it.</summary>
internal interface ITeacherModel : IDisposable
{
    /// <summary>Its file.</summary>
    string Path { get; }

    /// <summary>Every file that its answers follow from.</summary>
    IReadOnlyList<string> Files => [Path];

    /// <summary>What is done to samples and answers on the way, in words; empty where it takes and gives them as they are.</summary>
    string Manners => "";

    /// <summary>Numbers it answers a sample with.</summary>
    int Columns { get; }

    /// <summary>Floating-point weights in the file.</summary>
    long Parameters { get; }

    /// <summary>Makes it show these features beside its answers from now on; none: the answers alone.</summary>
    /// <returns>The features with their shapes, in the order of <paramref name="names"/>.</returns>
    /// <exception cref="BuildException">It has none of that name; the message lists what it has.</exception>
    IReadOnlyList<Feature> Show(IReadOnlyList<string> names);

    /// <summary>Answers for some samples.</summary>
    /// <param name="inputs">Values of the samples, one after the other.</param>
    /// <param name="count">How many.</param>
    /// <param name="rows">For each sample its answer, then what <see cref="Show"/> was told, in that order.</param>
    void Answer(Memory<float> inputs, int count, Span<float> rows);

    /// <summary>Its answer to every sample, row by row. From now on it shows nothing else.</summary>
    float[] Outputs(SampleSet samples, CancellationToken cancellationToken)
    {
        const int BatchSize = 64;
        Show([]);
        var outputs = new float[samples.Count * Columns];
        for (var start = 0; start < samples.Count; start += BatchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = Math.Min(BatchSize, samples.Count - start);
            Answer(samples.Batch(start, count), count, outputs.AsSpan(start * Columns, count * Columns));
        }
        return outputs;
    }
}
