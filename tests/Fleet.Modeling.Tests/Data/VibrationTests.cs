using Fleet.Modeling.Data.Vibration;

namespace Fleet.Modeling.Tests.Data;

public sealed class VibrationTests
{
    [Fact]
    public void Bearing_frequencies_are_those_the_data_center_publishes_for_the_6205()
    {
        // https://engineering.case.edu/bearingdatacenter/bearing-information, multiples of the shaft's frequency.
        var bearing = Bearing.Sealed6205;
        Assert.Equal(5.4152, bearing.InnerRace, 1e-4);
        Assert.Equal(3.5848, bearing.OuterRace, 1e-4);
        Assert.Equal(0.39828, bearing.Cage, 1e-4);
        Assert.Equal(4.7135, 2 * bearing.BallSpin, 1e-4);
    }

    [Fact]
    public void Classes_are_named_in_the_order_of_their_numbers()
        => Assert.Equal(VibrationData.Classes.Count, Enum.GetValues<MachineCondition>().Length);

    [Fact]
    public void Every_signal_is_finite_and_the_classes_take_turns()
    {
        var data = VibrationData.Generate(60, new Random(3));
        Assert.All(data.Inputs, value => Assert.True(float.IsFinite(value)));
        Assert.Equal(Enumerable.Range(0, 60).Select(i => (double)(i % 6)), data.Labels.Values);
    }

    [Theory]
    [InlineData("OuterRace")]
    [InlineData("InnerRace")]
    [InlineData("Ball")]
    public void Envelope_of_a_damaged_bearing_repeats_at_its_own_frequency(string name)
    {
        var condition = Enum.Parse<MachineCondition>(name);
        var bearing = Bearing.Sealed6205;
        double Strength(double multiple) => Mean(condition, multiple);
        var own = condition switch
        {
            MachineCondition.OuterRace => bearing.OuterRace,
            MachineCondition.InnerRace => bearing.InnerRace,
            _ => 2 * bearing.BallSpin,
        };
        var others = new[] { bearing.OuterRace, bearing.InnerRace, 2 * bearing.BallSpin }.Where(multiple => multiple != own);
        Assert.All(others, other =>
            Assert.True(Strength(own) > 1.2 * Strength(other), $"{own:0.00}: {Strength(own):g3}, {other:0.00}: {Strength(other):g3}"));
    }

    // Mean strength of the band around a multiple of the shaft's frequency (26 to 31 Hz) in the envelope's spectrum.
    private static double Mean(MachineCondition condition, double multiple)
    {
        const int Signals = 40;
        var data = VibrationData.Generate(6 * Signals, new Random(5));
        var sum = 0.0;
        for (var signal = 0; signal < Signals; signal++)
        {
            var envelope = HighPassed(data.Inputs.AsSpan((signal * 6 + (int)condition) * VibrationData.Length, VibrationData.Length));
            var best = 0.0;
            for (var shaft = 26.0; shaft <= 31; shaft += 0.5) best = Math.Max(best, Magnitude(envelope, multiple * shaft));
            sum += best / Signals;
        }
        return sum;
    }

    // The second difference takes the shaft's own tones out; what rings stays, and its size is the envelope.
    private static double[] HighPassed(ReadOnlySpan<float> signal)
    {
        var envelope = new double[signal.Length - 2];
        for (var i = 0; i < envelope.Length; i++) envelope[i] = Math.Abs(signal[i] - 2 * signal[i + 1] + signal[i + 2]);
        var mean = envelope.Average();
        for (var i = 0; i < envelope.Length; i++) envelope[i] -= mean;
        return envelope;
    }

    private static double Magnitude(double[] values, double frequency)
    {
        double real = 0, imaginary = 0;
        for (var i = 0; i < values.Length; i++)
        {
            var angle = 2 * Math.PI * frequency * i / VibrationData.SamplingRate;
            real += values[i] * Math.Cos(angle);
            imaginary += values[i] * Math.Sin(angle);
        }
        return Math.Sqrt(real * real + imaginary * imaginary);
    }
}
