using System.Globalization;
using Fleet.Contracts.Scoring;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Evaluation;

/// <summary>Which samples a model can judge together.</summary>
internal static class BatchRules
{
    /// <summary>A batch changes the order of sums, which stays above this; a model that mixes its samples falls far below.</summary>
    private const double SmallestSignalToNoise = 60;

    /// <summary>
    /// How many samples one run judges where batches of <paramref name="asked"/> are wanted: as many, or 1 where each sample is a whole
    /// batch already because that is all the model takes.
    /// </summary>
    /// <exception cref="InvalidDataException">The model takes other batches, or its samples cannot share one, and why.</exception>
    public static int SizeOf(InferenceSession session, IFeedSource samples, int asked, CancellationToken cancellationToken)
    {
        if (asked == 1) return 1;
        var inputs = session.InputMetadata.Where(input => input.Value.Dimensions.Length > 0).ToArray();
        foreach (var (name, input) in inputs)
        {
            if (input.Dimensions[0] is > 0 and var first && first != asked)
                throw Refused(asked, $"input {name} takes {first} at a time ({string.Join('x', input.Dimensions)})",
                    $"Export the model with a free first dimension, ask for batches of {first}, or leave it out");
        }
        if (inputs.Length > 0 && inputs.All(input => input.Value.Dimensions[0] == asked)) return 1;
        RefuseUnlike(samples, asked);
        Compare(session, samples, asked, cancellationToken);
        return asked;
    }

    /// <summary>Samples share a batch where each is one, all have one shape and none needs the one before.</summary>
    private static void RefuseUnlike(IFeedSource samples, int asked)
    {
        string? usual = null;
        foreach (var feed in samples.Batches(1))
        {
            using (feed)
            {
                if (feed.CarriesState)
                    throw Refused(asked, "samples are the steps of a sequence, each of which needs the one before", "Leave it out");
                var shapes = string.Join(", ", feed.Names.Zip(feed.Values, (name, value) => (name, value.GetTensorTypeAndShape().Shape))
                    .Select(input => input.Shape is [] or [1, ..]
                        ? $"{input.name} {string.Join('x', input.Shape)}"
                        : throw Refused(asked, $"the first extent of {input.name} ({string.Join('x', input.Shape)}) counts no samples",
                            "Leave it out")));
                if ((usual ??= shapes) != shapes)
                    throw Refused(asked, $"samples have several shapes ({usual} and {shapes})",
                        "Give samples of one shape, or leave it out");
            }
        }
    }

    /// <summary>The first batch must be answered as its samples are one by one.</summary>
    private static void Compare(InferenceSession session, IFeedSource samples, int asked, CancellationToken cancellationToken)
    {
        var few = new FirstFeeds(samples, asked);
        var floats = SampleOutputs.FloatsOf(session);
        var score = new OutputScore();
        try
        {
            foreach (var (together, alone) in SampleOutputs.Each(session, few, floats, cancellationToken, asked)
                .Zip(SampleOutputs.Each(session, few, floats, cancellationToken)))
            {
                foreach (var (value, reference) in together.Values.Zip(alone.Values)) score.Add(value, reference);
            }
        }
        catch (Exception e) when (e is InvalidDataException or ArgumentException)
        {
            throw new InvalidDataException(Refused(asked, "it does not take them", "Export it with a free first dimension, or leave it out")
                .Message + $" {e.Message}", e);
        }
        if (score.SignalToNoise < SmallestSignalToNoise)
            throw Refused(asked, string.Create(CultureInfo.InvariantCulture,
                $"the float model answers a sample otherwise beside others than alone ({score.SignalToNoise:0.0} dB)"), "Leave it out");
    }

    private static InvalidDataException Refused(int asked, string why, string remedy)
        => new($"The model cannot be judged on batches of {asked}: {why}. {remedy} (--batch, in a build spec quantization.batch).");
}
