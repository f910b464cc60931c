using Fleet.Contracts.Scoring;
using Fleet.Quantization.Onnx;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>The first output of a model for every sample.</summary>
/// <param name="Values">All values, sample by sample.</param>
/// <param name="Count">Samples.</param>
internal sealed record ModelOutputs(float[] Values, int Count)
{
    /// <summary>Values for one sample.</summary>
    public int Width => Count == 0 ? 0 : Values.Length / Count;

    /// <summary>The class with the largest value for each sample.</summary>
    public long[] Decisions()
        => [.. Enumerable.Range(0, Count).Select(sample => (long)ClassificationScore.Decide(Values.AsSpan(sample * Width, Width)))];

    /// <summary>Runs every sample through <paramref name="session"/>.</summary>
    public static ModelOutputs Of(InferenceSession session, IFeedSource source, CancellationToken cancellationToken)
    {
        var values = new List<float>();
        using var options = new RunOptions();
        string[] asked = [session.OutputNames[0]];
        foreach (var feed in source.Batches(BatchSizeOf(session)))
        {
            using (feed)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var results = session.Run(options, feed.Names, feed.Values, asked);
                values.AddRange(results[0].GetTensorDataAsSpan<float>());
            }
        }
        return new ModelOutputs([.. values], source.Count);
    }

    /// <summary>Samples that one run of the model takes: many when its first extent is free, otherwise one.</summary>
    public static int BatchSizeOf(InferenceSession session)
        => session.InputMetadata.Values.All(input => input.Dimensions is [-1, ..]) ? 64 : 1;
}
