using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Fleet.Modeling.Distillation.Losses;

/// <summary>
/// Features in the forms that losses compare. A feature is samples by channels, then positions; or positions, then channels.
/// </summary>
internal static class FeatureForms
{
    /// <summary>Samples, positions, channels.</summary>
    public static Tensor Positions(Tensor value, bool channelsLast)
        => value.dim() == 2 ? value.unsqueeze(1) : channelsLast ? value.flatten(1, -2) : value.flatten(2).transpose(1, 2);

    /// <summary>Samples by channels: the mean over all positions.</summary>
    public static Tensor Embedding(Tensor value, bool channelsLast)
        => value.dim() == 2 ? value : Positions(value, channelsLast).mean([1]);

    /// <summary>Two maps with channels first at the smaller extent of each axis: the larger is averaged down to it.</summary>
    public static (Tensor Student, Tensor Teacher) AtOneExtent(Tensor student, Tensor teacher)
    {
        if (student.dim() < 3) return (student, teacher);
        long[] extents = [.. student.shape.Zip(teacher.shape).Skip(2).Select(axis => Math.Min(axis.First, axis.Second))];
        return (AveragedTo(extents, student), AveragedTo(extents, teacher));
    }

    private static Tensor AveragedTo(long[] extents, Tensor value)
    {
        if (value.shape.Skip(2).SequenceEqual(extents)) return value;
        return extents is [var length]
            ? functional.adaptive_avg_pool1d(value, length)
            : functional.adaptive_avg_pool2d(value, [extents[0], extents[1]]);
    }
}
