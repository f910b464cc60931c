using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Variants;

/// <summary>
/// Moves the threshold inside a graph, by which its last operator divides a score, to where a variant's own normal samples end: rounding
/// shifts all scores a little, which no ranking shows and every false alarm does.
/// </summary>
/// <param name="Key">Metadata that holds the threshold for people.</param>
/// <param name="End">The score of a model at which normal samples end; 1 where its threshold is right.</param>
/// <param name="Rate">How often a model calls a normal sample an anomaly.</param>
internal sealed record OwnThreshold(string Key, Func<InferenceSession, float> End, Func<InferenceSession, FalsePositives> Rate)
{
    /// <summary>Room for the last bit of a division: the sample that the threshold was found by is not above it.</summary>
    private const float Room = 1 + 1e-6f;

    private const string NoQuotient = "its score is no quotient by a constant any more.";

    /// <summary>The model with scores divided by <paramref name="end"/> as well; null, and a sentence why, where that cannot be.</summary>
    public (ModelProto? Model, string? Hindrance) Moved(ModelProto model, float end)
    {
        if (!float.IsFinite(end) || end <= 0) return (null, Useless(end));
        var moved = model.Clone();
        var graph = new OnnxGraph(moved);
        var last = graph.ProducerOf(moved.Graph.Output[0].Name);
        while (last is { OpType: "Cast" or "Identity" }) last = graph.ProducerOf(last.Input[0]);
        if (last is not { OpType: "Div" } || graph.Constant(last.Input[1]) is not { } old || old.Elements() != 1
            || !(old.Is(DataType.Float) || old.Is(DataType.Float16)))
            return (null, NoQuotient);
        var threshold = old.ToSingles()[0] * end * Room;
        // Its own name again where nobody else reads it: a file is not larger for it.
        var isAlone = graph.OnlyConsumerOf(old.Name) is not null;
        var name = isAlone ? old.Name : "threshold_of_variant";
        while (!isAlone && graph.Names.Contains(name)) name += "_";
        TensorProto value;
        if (old.Is(DataType.Float16))
        {
            var half = (Half)threshold;
            if ((float)half < threshold) half = Half.BitIncrement(half);
            (value, threshold) = (Tensors.Of(name, [half], [.. old.Dims]), (float)half);
        }
        else value = Tensors.Of(name, [threshold], [.. old.Dims]);
        // As the graph would hold it, which 16 bits may not.
        if (!float.IsFinite(threshold) || threshold <= 0) return (null, Useless(end));
        if (isAlone && moved.Graph.Initializer.FirstOrDefault(one => one.Name == old.Name) is { } unused)
            moved.Graph.Initializer.Remove(unused);
        moved.Graph.Initializer.Add(value);
        last.Input[1] = name;
        foreach (var entry in moved.MetadataProps.Where(entry => entry.Key == Key))
            entry.Value = threshold.ToString("R", CultureInfo.InvariantCulture);
        return (moved, null);
    }

    /// <summary>
    /// Why a variant is refused that calls normal samples anomalies more often than the float model does by what may be lost and by more
    /// than one sample; null where it does not.
    /// </summary>
    /// <param name="variant">Share of normal samples that it calls anomalies.</param>
    /// <param name="original">Share that the float model does.</param>
    /// <param name="normal">Normal samples.</param>
    /// <param name="maximumDrop">What may be lost, in shares.</param>
    public static string? ObjectionTo(double variant, double original, int normal, double maximumDrop)
        => variant - original <= Math.Max(maximumDrop, 1.0 / Math.Max(1, normal)) + 1e-9 ? null : FormattableString.Invariant(
            $"It calls {100 * variant:0.##} % of {normal} normal samples anomalies, and the float model {100 * original:0.##} %; ")
            + FormattableString.Invariant($"{100 * maximumDrop:0.##} points more are allowed (quantization.maximumDrop).");

    private static string Useless(float end) => FormattableString.Invariant(
        $"its own normal samples end at {end} times that, which no threshold of its graph can be.");
}
