using static System.Math;

namespace Fleet.Modeling.Data.Vibration;

/// <summary>
/// Acceleration of a rotating machine's bearing housing, generated: one channel, 1024 samples at 8192 Hz, an eighth of a
/// second, which is two and a half to four turns of the shaft. What a damage sounds like follows the published models
/// (<see cref="Bearing"/>; P. D. McFadden, J. D. Smith, Journal of Sound and Vibration 96 (1984) 69-82: a strike rings the
/// structure's resonance and decays). Speed, load, severity, resonance, slip, gain and noise differ from sample to sample, so
/// that no single frequency or level tells the classes apart, and some faults drown in noise as they do on a machine.
/// </summary>
internal static class VibrationData
{
    /// <summary>Samples of one signal.</summary>
    public const int Length = 1024;

    /// <summary>Sampling rate in Hz.</summary>
    public const double SamplingRate = 8192;

    /// <summary>Class names in the order of the labels.</summary>
    public static readonly IReadOnlyList<string> Classes = ["healthy", "imbalance", "misalignment", "inner-race", "outer-race", "ball"];

    /// <summary>Generates <paramref name="count"/> labelled signals, the classes in turn.</summary>
    public static RawSamples Generate(int count, Random random)
    {
        var inputs = new float[count * Length];
        var labels = new long[count];
        for (var i = 0; i < count; i++)
        {
            labels[i] = i % Classes.Count;
            Write(inputs.AsSpan(i * Length, Length), (MachineCondition)labels[i], random);
        }
        return new RawSamples("the vibration generator", inputs, [1, Length], RawLabels.Of(labels) with { Names = Classes });
    }

    private static void Write(Span<float> signal, MachineCondition condition, Random random)
    {
        var machine = new Machine
        {
            Shaft = Between(random, 26, 31),
            Load = Between(random, 0, 1),
            Severity = Between(random, 0.5, 1),
            Resonance = Between(random, 1500, 2900),
            Decay = Between(random, 500, 1100),
            Angle = Between(random, 0, 2 * PI),
        };
        AddRotation(signal, condition, machine, random);
        if (condition >= MachineCondition.InnerRace) AddStrikes(signal, condition, machine, random);
        AddKnocks(signal, machine, random);

        var noise = 0.06 * Pow(4, random.NextDouble());
        var gain = Between(random, 0.7, 1.4);
        for (var i = 0; i < signal.Length; i++) signal[i] = (float)(gain * (signal[i] + noise * Normal(random)));
    }

    // What every shaft shows at its own frequency and its first multiples, and the mains hum of its motor.
    private static void AddRotation(Span<float> signal, MachineCondition condition, Machine machine, Random random)
    {
        var speed = machine.Shaft / 26;
        var amplitudes = (first: 0.15 * speed * speed * Between(random, 0.4, 1.3), second: 0.08 * Between(random, 0.3, 1.3),
            third: 0.04 * Between(random, 0.3, 1.3));
        if (condition == MachineCondition.Imbalance) amplitudes.first += 0.8 * machine.Severity * speed * speed;
        if (condition == MachineCondition.Misalignment)
        {
            amplitudes.first += 0.25 * machine.Severity;
            amplitudes.second += 0.5 * machine.Severity * (0.6 + 0.4 * machine.Load);
            amplitudes.third += 0.25 * machine.Severity * (0.6 + 0.4 * machine.Load);
        }
        var (phase2, phase3, phaseHum) = (Between(random, 0, 2 * PI), Between(random, 0, 2 * PI), Between(random, 0, 2 * PI));
        for (var i = 0; i < signal.Length; i++)
        {
            var time = i / SamplingRate;
            var turn = machine.Angle + 2 * PI * machine.Shaft * time;
            signal[i] += (float)(amplitudes.first * Sin(turn) + amplitudes.second * Sin(2 * turn + phase2)
                + amplitudes.third * Sin(3 * turn + phase3)
                + 0.06 * (0.3 + machine.Load) * Sin(2 * PI * 100 * time + phaseHum));
        }
    }

    // Damage is struck at the part's frequency with a little slip; each strike rings the resonance.
    private static void AddStrikes(Span<float> signal, MachineCondition condition, Machine machine, Random random)
    {
        var bearing = Bearing.Sealed6205;
        var multiple = condition switch
        {
            MachineCondition.InnerRace => bearing.InnerRace,
            MachineCondition.OuterRace => bearing.OuterRace,
            _ => 2 * bearing.BallSpin,
        };
        var period = 1 / (multiple * machine.Shaft);
        var strength = 1.1 * machine.Severity * (0.5 + 0.5 * machine.Load);
        for (var time = -3 * period + period * random.NextDouble();
            time < Length / SamplingRate;
            time += period * (1 + 0.012 * Normal(random)))
        {
            var modulation = condition switch
            {
                MachineCondition.InnerRace => LoadZone(machine.Angle + 2 * PI * machine.Shaft * time),
                MachineCondition.OuterRace => 1,
                _ => LoadZone(machine.Angle + 2 * PI * bearing.Cage * machine.Shaft * time),
            };
            AddBurst(signal, time, strength * modulation * Between(random, 0.8, 1.2), machine);
        }
    }

    // Loose parts and passing carts: what makes a strike alone no proof of damage.
    private static void AddKnocks(Span<float> signal, Machine machine, Random random)
    {
        for (var count = random.Next(4); count > 0; count--)
            AddBurst(signal, random.NextDouble() * Length / SamplingRate, Between(random, 0.1, 0.7), machine);
    }

    private static void AddBurst(Span<float> signal, double at, double amplitude, Machine machine)
    {
        const double Audible = 1e-3;
        var first = Max(0, (int)Ceiling(at * SamplingRate));
        var last = Min(signal.Length, (int)((at - Log(Audible) / machine.Decay) * SamplingRate));
        for (var i = first; i < last; i++)
        {
            var since = i / SamplingRate - at;
            signal[i] += (float)(amplitude * Exp(-machine.Decay * since) * Sin(2 * PI * machine.Resonance * since));
        }
    }

    // Never quite zero: outside the load zone a part still touches.
    private static double LoadZone(double angle) => 0.15 + 0.85 * (1 + Cos(angle)) / 2;

    private static double Between(Random random, double low, double high) => low + (high - low) * random.NextDouble();

    // Box and Muller's transform; 1 - x keeps the logarithm's argument above zero.
    private static double Normal(Random random) => Sqrt(-2 * Log(1 - random.NextDouble())) * Cos(2 * PI * random.NextDouble());

    /// <summary>How the machine of one sample runs: shaft and resonance in Hz, decay in 1/s, angle in radians, the others 0 to 1.</summary>
    private readonly record struct Machine(double Shaft, double Load, double Severity, double Resonance, double Decay, double Angle);
}
