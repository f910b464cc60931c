using System.Globalization;
using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Teachers;

/// <summary>Makes the input of a teacher out of a sample of the data.</summary>
/// <param name="From">Shape of a sample: channels first.</param>
/// <param name="To">Shape that the teacher takes.</param>
/// <param name="Channels">Channels of the teacher.</param>
/// <param name="Plane">Height and width, or the length, of the teacher; empty where values are taken in their order.</param>
/// <param name="IsLast">Channels behind the plane.</param>
/// <param name="Values">How values are changed.</param>
internal sealed record InputForm(
    IReadOnlyList<int> From, IReadOnlyList<int> To, int Channels, IReadOnlyList<int> Plane, bool IsLast, TeacherInput Values)
{
    /// <summary>True where a sample is given as it is.</summary>
    public bool IsPlain => From.SequenceEqual(To) && !IsLast && !Changes;

    /// <summary>Values of one input.</summary>
    public int Length { get; } = To.Aggregate(1, (product, extent) => product * extent);

    private bool Changes => Values is not { Scale: null or 1, Mean: null, Deviation: null, Colour: null or PictureColour.Rgb };

    /// <summary>Finds out the form.</summary>
    /// <param name="sample">Shape of a sample of the data.</param>
    /// <param name="takes">Extents that the file declares behind the batch, negative where free; null where it declares none.</param>
    /// <param name="asked">What a spec says of it.</param>
    /// <returns>Null where the sample cannot become what the teacher takes.</returns>
    public static InputForm? Of(IReadOnlyList<int> sample, IReadOnlyList<int>? takes, TeacherInput? asked)
    {
        var values = asked ?? new TeacherInput();
        IReadOnlyList<int> wanted = asked?.Shape ?? takes ?? sample;
        if (wanted.Count == sample.Count && values.Layout != SampleLayout.ChannelsLast && Fits(wanted, sample))
            return new InputForm(sample, sample, sample[0], [.. sample.Skip(1)], false, values);
        // One row of values, in their order or with channels last.
        var length = sample.Aggregate(1, (product, extent) => product * extent);
        if (wanted is [var all] && (all < 0 || all == length))
            return sample.Count > 1 && values.Layout == SampleLayout.ChannelsLast
                ? new InputForm(sample, [length], sample[0], [.. sample.Skip(1)], true, values)
                : new InputForm(sample, [length], sample.Count > 1 ? sample[0] : 1, [], false, values);
        if (wanted.Count != sample.Count || sample.Count < 2) return null;
        var isLast = values.Layout switch
        {
            SampleLayout.ChannelsLast => true,
            SampleLayout.ChannelsFirst => false,
            _ => !Suits(wanted[0], sample[0]) && Suits(wanted[^1], sample[0]),
        };
        var channels = isLast ? wanted[^1] : wanted[0];
        if (channels < 0) channels = sample[0];
        if (!Suits(channels, sample[0])) return null;
        var extents = isLast ? wanted.Take(wanted.Count - 1) : wanted.Skip(1);
        int[] plane = [.. extents.Zip(sample.Skip(1), (own, given) => own < 0 ? given : own)];
        // Pictures can be made larger or smaller; a series has its length.
        if (plane.Length != 2 && !plane.SequenceEqual(sample.Skip(1))) return null;
        return new InputForm(sample, isLast ? [.. plane, channels] : [channels, .. plane], channels, plane, isLast, values);
    }

    /// <summary>Writes the input of one sample.</summary>
    public void Write(ReadOnlySpan<float> sample, Span<float> input)
    {
        var own = From[0];
        if (Plane.Count == 0)
        {
            var each = sample.Length / Channels;
            for (var i = 0; i < sample.Length; i++) input[i] = Changed(sample[i], i / each);
            return;
        }
        var (area, given) = (Plane.Aggregate(1, (product, extent) => product * extent), sample.Length / own);
        for (var channel = 0; channel < Channels; channel++)
        {
            var source = own == 1 ? 0 : Values.Colour == PictureColour.Bgr ? own - 1 - channel : channel;
            var from = sample.Slice(source * given, given);
            for (var place = 0; place < area; place++)
            {
                var value = area == given && (Plane.Count == 1 || Plane[1] == From[2]) ? from[place] : Between(from, place);
                input[IsLast ? place * Channels + channel : channel * area + place] = Changed(value, channel);
            }
        }
    }

    /// <summary>What is done, for people; empty where nothing is.</summary>
    public string Text()
    {
        string Numbers(IReadOnlyList<double>? numbers, string none)
            => numbers is null ? none : string.Join(", ", numbers.Select(number => number.ToString("G6", CultureInfo.InvariantCulture)));
        var parts = new List<string>();
        if (Plane.Count == 0 && From.Count > 1) parts.Add($"as one row of {Length}");
        if (Plane.Count == 2 && !Plane.SequenceEqual(From.Skip(1))) parts.Add($"resized to {Plane[1]}x{Plane[0]}");
        if (From[0] == 1 && Channels == 3) parts.Add("grey as three colours");
        if (IsLast) parts.Add("channels last");
        if (Values.Colour == PictureColour.Bgr) parts.Add("blue, green, red");
        if (Values is not { Scale: null or 1, Mean: null, Deviation: null })
            parts.Add($"(value x {(Values.Scale ?? 1).ToString("G6", CultureInfo.InvariantCulture)} - {Numbers(Values.Mean, "0")}) / "
                + Numbers(Values.Deviation, "1"));
        return string.Join("; ", parts);
    }

    private float Changed(float value, int channel)
    {
        static double At(IReadOnlyList<double>? numbers, int channel, double none)
            => numbers is null ? none : numbers[channel % numbers.Count];
        return (float)((value * (Values.Scale ?? 1) - At(Values.Mean, channel, 0)) / At(Values.Deviation, channel, 1));
    }

    // Bilinear between the middles of pixels, as ONNX's Resize with half_pixel has it.
    private float Between(ReadOnlySpan<float> from, int place)
    {
        var (height, width) = (From[1], From[2]);
        var (row, above) = Split(place / Plane[1], Plane[0], height);
        var (column, left) = Split(place % Plane[1], Plane[1], width);
        var (below, right) = (Math.Min(row + 1, height - 1), Math.Min(column + 1, width - 1));
        float Mixed(float a, float b, float share) => a + (b - a) * share;
        return Mixed(Mixed(from[row * width + column], from[row * width + right], left),
            Mixed(from[below * width + column], from[below * width + right], left), above);
    }

    private static (int Place, float Share) Split(int place, int own, int given)
    {
        var middle = Math.Clamp((place + 0.5f) * given / own - 0.5f, 0, given - 1);
        return ((int)middle, middle - (int)middle);
    }

    private static bool Fits(IReadOnlyList<int> wanted, IReadOnlyList<int> sample)
        => wanted.Zip(sample).All(axis => axis.First < 0 || axis.First == axis.Second);

    private static bool Suits(int wanted, int channels) => wanted < 0 || wanted == channels || (wanted == 3 && channels == 1);
}
