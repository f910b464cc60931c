using Fleet.Contracts.Builds;
using Fleet.Contracts.Scoring;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>Everything a model says of some samples, where no labels are needed: to rank operators, and to compare two files.</summary>
/// <param name="Values">All float outputs of all samples.</param>
/// <param name="Decisions">What each row of the first of them decides.</param>
internal sealed record AllOutputs(float[] Values, long[] Decisions)
{
    /// <summary>Runs every sample through <paramref name="session"/>.</summary>
    /// <exception cref="InvalidDataException">The model has no float output to compare, or does not run on the samples.</exception>
    public static AllOutputs Of(InferenceSession session, IFeedSource source, CancellationToken cancellationToken)
    {
        var (values, decisions) = (new List<float>(), new List<long>());
        foreach (var sample in SampleOutputs.Each(session, source, SampleOutputs.FloatsOf(session), cancellationToken))
        {
            foreach (var output in sample.Values) values.AddRange(output);
            decisions.AddRange(sample.Values[0].Chunk(Math.Max(1, sample.Columns[0])).Select(row => (long)ClassificationScore.Decide(row)));
        }
        return new AllOutputs([.. values], [.. decisions]);
    }

    /// <summary>How close these are to <paramref name="reference"/>.</summary>
    public Closeness Against(AllOutputs reference)
    {
        var score = new OutputScore().Add(Values, reference.Values);
        return new Closeness(score.SignalToNoise, score.Cosine, ClassificationScore.Accuracy(Decisions, reference.Decisions));
    }
}
