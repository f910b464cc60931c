using Fleet.Modeling.Data;
using Fleet.Modeling.Training;

namespace Fleet.Modeling.Tests.Training;

public sealed class SpectrumViewsTests
{
    private const int Bands = 40, Moments = 48;

    /// <summary>A number for each place, so that a view shows where each came from.</summary>
    private static readonly SampleSet Sound = new(
        [.. Enumerable.Range(0, 2 * Bands * Moments).Select(i => (float)i)], [2, Bands, Moments], [0L])
    {
        Unheard = new SampleSet(new float[100], [2, 50], [0L]),
    };

    private static float[] View(int view, bool mask)
    {
        var destination = new float[Sound.SampleLength];
        new Augmentation(Enabled: true, Mirror: true, Seed: 1) { Mask = mask }.Write(Sound, 0, view, destination);
        return destination;
    }

    private static float At(ReadOnlySpan<float> values, int channel, int band, int moment)
        => values[(channel * Bands + band) * Moments + moment];

    [Fact]
    public void View_zero_is_the_sample_and_every_other_a_function_of_its_number()
    {
        Assert.Equal(Sound.Inputs, View(0, mask: true));
        Assert.Equal(View(3, mask: true), View(3, mask: true));
        Assert.NotEqual(View(3, mask: true), View(4, mask: true));
    }

    [Fact]
    public void Sound_is_shifted_by_a_twelfth_of_its_time_and_a_twentieth_of_its_bands_at_most_with_its_edges_repeated()
    {
        var shifts = new HashSet<(int Up, int Later)>();
        for (var view = 1; view <= 200; view++)
        {
            var values = View(view, mask: false);
            var origin = (int)At(values, 0, 20, 24);
            var (up, later) = (20 - origin / Moments, 24 - origin % Moments);
            shifts.Add((up, later));
            for (var place = 0; place < values.Length; place++)
            {
                var (channel, band, moment) = (place / Moments / Bands, place / Moments % Bands, place % Moments);
                Assert.Equal(At(Sound.Inputs, channel, Math.Clamp(band - up, 0, Bands - 1), Math.Clamp(moment - later, 0, Moments - 1)),
                    values[place]);
            }
        }
        Assert.Equal((-2, 2), (shifts.Min(shift => shift.Up), shifts.Max(shift => shift.Up)));
        Assert.Equal((-4, 4), (shifts.Min(shift => shift.Later), shifts.Max(shift => shift.Later)));
    }

    [Fact]
    public void A_band_and_a_stretch_of_time_become_the_mean_in_every_channel()
    {
        var mean = Sound.Inputs.Average();
        var (most, stretches) = (new HashSet<int>(), new HashSet<int>());
        for (var view = 1; view <= 200; view++)
        {
            var (values, plain) = (View(view, mask: true), View(view, mask: false));
            bool IsHidden(int channel, int band, int moment) => Math.Abs(At(values, channel, band, moment) - mean) < 1;
            int[] bands = [
                .. Enumerable.Range(0, Bands).Where(band => Enumerable.Range(0, Moments).All(moment => IsHidden(1, band, moment))),
            ];
            int[] moments = [
                .. Enumerable.Range(0, Moments).Where(moment => Enumerable.Range(0, Bands).All(band => IsHidden(0, band, moment))),
            ];
            most.Add(bands.Length);
            stretches.Add(moments.Length);
            Assert.True(bands.Length == 0 || bands[^1] - bands[0] == bands.Length - 1);
            for (var place = 0; place < values.Length; place++)
            {
                if (bands.Contains(place / Moments % Bands) || moments.Contains(place % Moments)) Assert.Equal(mean, values[place], 1f);
                else Assert.Equal(plain[place], values[place]);
            }
        }
        Assert.Equal((0, Bands / 5), (most.Min(), most.Max()));
        Assert.Equal((0, Moments / 8), (stretches.Min(), stretches.Max()));
    }
}
