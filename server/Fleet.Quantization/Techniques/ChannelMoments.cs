using System.Numerics.Tensors;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Techniques;

/// <summary>What each channel of an activation was seen to do: enough to scale channels and to tell how far a channel is off.</summary>
internal sealed class ChannelMoments
{
    private double[] _sums = [];

    /// <summary>The largest distance from zero, of each channel.</summary>
    public float[] Extremes { get; private set; } = [];

    /// <summary>Values counted of each channel.</summary>
    public long Count { get; private set; }

    /// <summary>The mean of each channel.</summary>
    public double[] Means => Array.ConvertAll(_sums, sum => sum / Math.Max(1, Count));

    /// <summary>Counts a tensor whose channels lie along <paramref name="axis"/>; negative counts from the last.</summary>
    public void Add(ReadOnlySpan<float> values, ReadOnlySpan<long> extents, int axis)
    {
        if (values.IsEmpty) return;
        var at = axis < 0 ? extents.Length + axis : axis;
        var channels = (int)extents[at];
        var inner = 1;
        for (var i = at + 1; i < extents.Length; i++) inner *= (int)extents[i];
        if (_sums.Length == 0) (_sums, Extremes) = (new double[channels], new float[channels]);
        for (int from = 0, channel = 0; from < values.Length; from += inner, channel = channel + 1 == channels ? 0 : channel + 1)
        {
            var run = values.Slice(from, inner);
            var (sum, extreme) = inner == 1
                ? (run[0], Math.Abs(run[0]))
                : (TensorPrimitives.Sum(run), Math.Abs(TensorPrimitives.MaxMagnitude(run)));
            _sums[channel] += sum;
            if (extreme > Extremes[channel]) Extremes[channel] = extreme;
        }
        Count += values.Length / channels;
    }

    /// <summary>The moments of values over every sample; memory grows with the channels, not with the samples.</summary>
    /// <param name="model">The model.</param>
    /// <param name="axes">Inputs or inner values of the graph, and the axis of the channels of each.</param>
    /// <param name="source">The samples.</param>
    /// <param name="batchSize">Samples in one run.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static IReadOnlyDictionary<string, ChannelMoments> Run(
        ModelProto model, IReadOnlyDictionary<string, int> axes, IFeedSource source, int batchSize, CancellationToken cancellationToken)
    {
        var moments = axes.Keys.ToDictionary(value => value, _ => new ChannelMoments());
        CalibrationRun.Observe(model, [.. axes.Keys], source, batchSize,
            (name, value) => moments[name].Add(value.GetTensorDataAsSpan<float>(), value.GetTensorTypeAndShape().Shape, axes[name]),
            cancellationToken);
        return moments;
    }
}
