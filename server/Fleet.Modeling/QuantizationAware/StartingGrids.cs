using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Weights;
using Fleet.Quantization.Writing;
using Google.Protobuf.Collections;

namespace Fleet.Modeling.QuantizationAware;

/// <summary>
/// The grids that training starts from, which are also post-training quantization at any width: of each activation and each
/// channel of a weight the one whose squared error is smallest.
/// </summary>
internal static class StartingGrids
{
    /// <summary>Scales tried for a weight, from the one that clips nothing down.</summary>
    private const int Steps = 100;

    /// <summary>The smallest scale tried, of the one that clips nothing.</summary>
    private const double SmallestFraction = 0.1;

    /// <summary>Steps of the product of both scales that a bias may need: as many as a float can tell apart.</summary>
    private const double LargestBias = 1 << 24;

    private static readonly MeanSquareCalibrator Calibrator = new();

    /// <summary>Searches the grids of a plan.</summary>
    /// <param name="graph">The prepared float graph.</param>
    /// <param name="plan">What is rounded.</param>
    /// <param name="form">The integers of the target.</param>
    /// <param name="widths">How many bits.</param>
    /// <param name="histograms">Counts of the plan's calibrated values.</param>
    public static GridScales Search(
        OnnxGraph graph, QuantizationPlan plan, IntegerForm form, BitWidths widths, IReadOnlyDictionary<string, Histogram> histograms)
    {
        WeightedOperator[] weighted = [
            .. graph.Graph.Node.Select(node => node.OutputAt(0)).OfType<string>().Where(plan.Weighted.ContainsKey)
                .Select(output => plan.Weighted[output]),
        ];
        WeightedOperator[] ends = weighted.Length == 0 ? [] : [weighted[0], weighted[^1]];
        var readByEnds = ends.Select(end => plan.ScaleSourceOf(end.Node.Input[0])).ToHashSet();

        var grids = plan.CalibratedValues.ToDictionary(value => value,
            value => Activation(histograms[value], plan.FixedRangeOf(value), form,
                readByEnds.Contains(value) ? widths.Ends : widths.Activations));
        var activations = plan.Values.ToDictionary(value => value, value => grids[plan.ScaleSourceOf(value)]);
        var weights = weighted.ToDictionary(one => one.Node.Output[0], one => Weight(one, ends.Contains(one) ? widths.Ends : widths.Weights,
            form.FloatBias ? null : activations[one.Node.Input[0]].Scale));
        return new GridScales(activations, weights);
    }

    private static ActivationGrid Activation(Histogram histogram, ValueRange? known, IntegerForm form, int bits)
    {
        // What is never negative needs no levels below zero. A signed byte with its zero in the middle has seven bits above it.
        var signed = form.Symmetric && (known?.Low ?? histogram.Minimum) < 0;
        var grid = signed
            ? IntegerForm.Symmetric8 with { Bits = bits }
            : IntegerForm.U8S8 with { Bits = form.Symmetric ? Math.Min(bits, 7) : bits };
        var affine = Affine.For(known ?? Calibrator.Choose(histogram, grid), grid);
        // The runtimes clip at the type's own end, one below the symmetric grid's.
        return new ActivationGrid(
            affine.Scale, new Levels(grid.Minimum - affine.ZeroPoint - (signed ? 1 : 0), grid.Maximum - affine.ZeroPoint));
    }

    private static WeightGrid Weight(WeightedOperator weighted, int bits, float? inputScale)
    {
        var levels = Levels.OfWeights(bits);
        var values = weighted.Weight.ToSingles();
        var bias = weighted.Bias?.ToSingles();
        var channels = Channels(values, weighted.Weight.Dims, weighted.Axis);
        var scales = new float[channels.Length];
        for (var channel = 0; channel < scales.Length; channel++)
        {
            // A bias is counted in steps of both scales: below this one they would be too fine to hold it.
            var smallest = bias is null || inputScale is not { } scale
                ? 0
                : Math.Abs(bias[bias.Length == 1 ? 0 : channel] * weighted.BiasFactor) / (scale * LargestBias);
            var found = (float)Math.Max(Scale(channels[channel], levels) * Math.Abs(weighted.WeightFactor), smallest);
            scales[channel] = float.IsNormal(found) ? found : 1;
        }
        return new WeightGrid(scales, levels, bits);
    }

    private static double Scale(float[] values, Levels levels)
    {
        var largest = values.Max(value => Math.Max(value / (double)levels.Highest, value / (double)levels.Lowest));
        var (best, least) = (largest, double.PositiveInfinity);
        for (var step = 0; step <= Steps; step++)
        {
            var scale = largest * (1 - (1 - SmallestFraction) * step / Steps);
            var error = 0.0;
            foreach (var value in values)
            {
                var difference = value - scale * Math.Clamp(Math.Round(value / scale), levels.Lowest, levels.Highest);
                error += difference * difference;
            }
            if (error < least) (best, least) = (scale, error);
        }
        return best;
    }

    /// <summary>The values of each output channel.</summary>
    private static float[][] Channels(float[] values, RepeatedField<long> extents, int axis)
    {
        var inner = (int)extents.Skip(axis + 1).Aggregate(1L, (product, extent) => product * extent);
        var channels = Enumerable.Range(0, (int)extents[axis]).Select(_ => new List<float>(values.Length / (int)extents[axis])).ToArray();
        for (var i = 0; i < values.Length; i++) channels[i / inner % channels.Length].Add(values[i]);
        return [.. channels.Select(channel => channel.ToArray())];
    }
}
