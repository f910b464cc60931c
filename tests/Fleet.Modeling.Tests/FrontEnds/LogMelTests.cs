using Fleet.Contracts.Builds;
using Fleet.Contracts.Media;
using Fleet.Modeling.Data;
using Fleet.Modeling.FrontEnds;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests.FrontEnds;

/// <summary>The graph of a front end beside the formula, in 64 bits and without a fast transform.</summary>
public sealed class LogMelTests
{
    private const double Tolerance = 1e-4;

    /// <summary>Something like speech: a voice with harmonics that rises and falls, and noise far below it.</summary>
    private static float[] Voice(int length, int rate, int seed)
    {
        var random = new Random(seed);
        var sound = new float[length];
        var phase = 0.0;
        for (var i = 0; i < length; i++)
        {
            phase += 2 * Math.PI * (120 + 60 * Math.Sin(3.0 * i / rate * 2 * Math.PI)) / rate;
            for (var harmonic = 1; harmonic <= 12; harmonic++) sound[i] += (float)(0.2 / harmonic * Math.Sin(harmonic * phase));
            sound[i] += (float)(0.01 * (random.NextDouble() - 0.5));
        }
        return sound;
    }

    private static double[,] Expected(ReadOnlySpan<float> sound, LogMel mel)
    {
        double Mel(double hertz) => 2595 * Math.Log10(1 + hertz / 700);
        var frames = (sound.Length - mel.Points) / mel.Hop + 1;
        var (low, high) = (Mel(mel.Lowest), Mel(mel.Highest));
        var features = new double[mel.Rows, frames];
        for (var frame = 0; frame < frames; frame++)
        {
            var bands = new double[mel.Mels];
            for (var bin = 0; bin <= mel.Points / 2; bin++)
            {
                double real = 0, imaginary = 0;
                for (var n = 0; n < mel.Window; n++)
                {
                    var value = sound[frame * mel.Hop + n] * (0.5 - 0.5 * Math.Cos(2 * Math.PI * n / mel.Window));
                    real += value * Math.Cos(2 * Math.PI * bin * n / mel.Points);
                    imaginary -= value * Math.Sin(2 * Math.PI * bin * n / mel.Points);
                }
                var place = (Mel((double)bin * mel.Rate / mel.Points) - low) / (high - low) * (mel.Mels + 1);
                for (var band = 1; band <= mel.Mels; band++)
                {
                    var weight = place <= band ? place - (band - 1) : band + 1 - place;
                    if (weight > 0) bands[band - 1] += weight * (real * real + imaginary * imaginary);
                }
            }
            var heard = Array.ConvertAll(bands, power => Math.Log(power + 1e-6));
            for (var row = 0; row < mel.Rows; row++)
                features[row, frame] = mel.Coefficients is null ? heard[row] : heard.Select((value, band) => value
                    * Math.Sqrt((row == 0 ? 1.0 : 2.0) / mel.Mels) * Math.Cos(Math.PI / mel.Mels * (band + 0.5) * row)).Sum();
        }
        return features;
    }

    private static float[] Features(FrontEnd frontEnd, float[] sounds)
    {
        var count = sounds.Length / frontEnd.InputShape.Aggregate(1, (product, extent) => product * extent);
        return new SampleSet(sounds, frontEnd.InputShape, new NoLabels(count)).Heard(frontEnd).Inputs;
    }

    private static double Difference(float[][] sounds, LogMel mel)
    {
        var frontEnd = mel.For(1, sounds[0].Length, asSeries: false);
        var features = Features(frontEnd, [.. sounds.SelectMany(sound => sound)]);
        Assert.Equal([1, mel.Rows, mel.Frames(sounds[0].Length)], frontEnd.OutputShape);
        double difference = 0;
        for (var sample = 0; sample < sounds.Length; sample++)
        {
            var expected = Expected(sounds[sample], mel);
            for (var row = 0; row < mel.Rows; row++)
            {
                for (var frame = 0; frame < expected.GetLength(1); frame++)
                {
                    var value = features[(sample * mel.Rows + row) * expected.GetLength(1) + frame];
                    difference = Math.Max(difference, Math.Abs(value - expected[row, frame]));
                }
            }
        }
        return difference;
    }

    [Theory]
    [InlineData(8_000, FeatureKind.LogMel)]
    [InlineData(16_000, FeatureKind.LogMel)]
    [InlineData(8_000, FeatureKind.Mfcc)]
    public void Graph_answers_as_the_formula(int rate, FeatureKind kind)
        => Assert.InRange(
            Difference([Voice(1_500, rate, 1), Voice(1_500, rate, 2)], LogMel.Of(new FeatureSpec { Kind = kind }, rate)), 0, Tolerance);

    [Fact(Skip = SharedData.Absent, SkipUnless = nameof(SharedData.IsPresent), SkipType = typeof(SharedData))]
    public void Graph_answers_as_the_formula_on_recordings()
    {
        float[] Recording(string name)
        {
            using var file = File.OpenRead(SharedData.PathOf("fsdd", "recordings", name));
            return [.. WavFile.Read(file).Values.Concat(new float[2_500]).Take(2_500)];
        }
        Assert.InRange(Difference([Recording("7_theo_12.wav"), Recording("0_jackson_3.wav")], LogMel.Of(new FeatureSpec(), 8_000)),
            0, Tolerance);
    }

    [Fact]
    public void Silence_is_as_quiet_as_the_floor_and_finite()
        => Assert.All(Features(LogMel.Of(new FeatureSpec(), 8_000).For(1, 400, asSeries: false), new float[400]),
            value => Assert.Equal(Math.Log(1e-6), value, 1e-4));

    [Fact]
    public void Channels_become_rows_of_a_picture_each_or_channels_of_a_series()
    {
        var mel = LogMel.Of(new FeatureSpec { Mels = 20 }, 8_000);
        float[] both = [.. Voice(800, 8_000, 3), .. Voice(800, 8_000, 4)];
        var picture = mel.For(2, 800, asSeries: false);
        Assert.Equal([2, 20, 7], picture.OutputShape);
        Assert.Equal([40, 7], mel.For(2, 800, asSeries: true).OutputShape);
        var second = Features(mel.For(1, 800, asSeries: false), both[800..]);
        Assert.Equal(second, Features(picture, both)[second.Length..]);
    }

    [Fact]
    public void Defaults_follow_the_rate()
    {
        var slow = LogMel.Of(new FeatureSpec(), 8_000);
        Assert.Equal((200, 80, 256, 40, 4_000.0), (slow.Window, slow.Hop, slow.Points, slow.Mels, slow.Highest));
        var fast = LogMel.Of(new FeatureSpec(), 44_100);
        Assert.Equal((1_102, 441, 2_048, 8_000.0), (fast.Window, fast.Hop, fast.Points, fast.Highest));
    }

    [Theory]
    [InlineData(120, null, "data.features.mels 120 leaves band")]
    [InlineData(40, 6_000.0, "sound of 8000 Hz has no frequencies above 4000")]
    public void What_sound_of_a_rate_does_not_have_is_refused(int mels, double? highest, string expected)
    {
        var refusal = Assert.Throws<BuildException>(
            () => LogMel.Of(new FeatureSpec { Mels = mels, HighestHertz = highest }, 8_000).For(1, 800, asSeries: false));
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }
}
