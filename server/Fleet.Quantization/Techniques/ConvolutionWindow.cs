using Fleet.Quantization.Onnx;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Techniques;

/// <summary>Where a convolution reads its input.</summary>
/// <param name="Groups">Groups of channels.</param>
/// <param name="Channels">Channels of the input in one group.</param>
/// <param name="Kernel">Extent of the kernel along each axis of space.</param>
/// <param name="Strides">Distance of two neighbouring patches.</param>
/// <param name="Dilations">Distance of two neighbouring places of a patch.</param>
/// <param name="Pads">Zeros around the input, all that come before it first.</param>
internal sealed record ConvolutionWindow(int Groups, int Channels, int[] Kernel, int[] Strides, int[] Dilations, int[] Pads)
{
    /// <summary>Axes of space.</summary>
    public int Rank => Kernel.Length;

    /// <summary>Values that one output is summed over.</summary>
    public int Values => Channels * Kernel.Aggregate(1, (product, extent) => product * extent);

    /// <summary>The window of a convolution; null for another operator, and where padding follows from the input.</summary>
    public static ConvolutionWindow? Of(WeightedOperator layer)
    {
        if (!layer.Node.Is("Conv") || layer.Node.Text("auto_pad", "NOTSET") != "NOTSET") return null;
        int[] kernel = [.. layer.Weight.Dims.Skip(2).Select(extent => (int)extent)];
        int[] Along(string attribute, int count, int without) => layer.Node.Ints(attribute) is { Count: > 0 } given
            ? [.. given.Select(value => (int)value)]
            : [.. Enumerable.Repeat(without, count)];
        return new ConvolutionWindow((int)layer.Node.Int("group", 1), (int)layer.Weight.Dims[1], kernel, Along("strides", kernel.Length, 1),
            Along("dilations", kernel.Length, 1), Along("pads", 2 * kernel.Length, 0));
    }

    /// <summary>How many patches an input of these extents has.</summary>
    public int Places(ReadOnlySpan<long> extents)
    {
        var places = 1;
        for (var axis = 0; axis < Rank; axis++) places *= PlacesAlong(axis, extents);
        return places;
    }

    /// <summary>Where each place of a patch lies within a channel of the input; negative where it reaches beyond it.</summary>
    /// <param name="extents">Extents of the whole input.</param>
    /// <param name="place">Which patch, the last axis fastest.</param>
    /// <param name="offsets">Where they go.</param>
    public void Locate(ReadOnlySpan<long> extents, int place, Span<int> offsets)
    {
        Span<int> start = stackalloc int[Rank];
        for (var axis = Rank - 1; axis >= 0; axis--)
        {
            var along = PlacesAlong(axis, extents);
            start[axis] = place % along * Strides[axis] - Pads[axis];
            place /= along;
        }
        for (var at = 0; at < offsets.Length; at++) offsets[at] = OffsetOf(at, start, extents);
    }

    /// <summary>Reads a patch, place by place, the channels of each side by side; zeros where it reaches beyond the input.</summary>
    /// <param name="sample">One sample of the input.</param>
    /// <param name="offsets">Where the places of the patch lie.</param>
    /// <param name="group">Which group.</param>
    /// <param name="patch">Where it goes.</param>
    public void Read(ReadOnlySpan<float> sample, ReadOnlySpan<int> offsets, int group, Span<float> patch)
    {
        var space = sample.Length / (Groups * Channels);
        var own = sample.Slice(group * Channels * space, Channels * space);
        for (var at = 0; at < offsets.Length; at++)
        {
            var place = patch.Slice(at * Channels, Channels);
            if (offsets[at] is var offset && offset < 0) place.Clear();
            else
            {
                for (var channel = 0; channel < place.Length; channel++) place[channel] = own[channel * space + offset];
            }
        }
    }

    /// <summary>Where a place of the kernel lies within a channel; negative where beyond it.</summary>
    private int OffsetOf(int place, ReadOnlySpan<int> start, ReadOnlySpan<long> extents)
    {
        var (offset, step) = (0, 1);
        for (var axis = Rank - 1; axis >= 0; axis--)
        {
            var extent = (int)extents[axis + 2];
            var at = start[axis] + place % Kernel[axis] * Dilations[axis];
            if (at < 0 || at >= extent) return -1;
            offset += at * step;
            step *= extent;
            place /= Kernel[axis];
        }
        return offset;
    }

    private int PlacesAlong(int axis, ReadOnlySpan<long> extents)
    {
        var reach = Dilations[axis] * (Kernel[axis] - 1) + 1;
        return Math.Max(0, ((int)extents[axis + 2] + Pads[axis] + Pads[axis + Rank] - reach) / Strides[axis] + 1);
    }
}
