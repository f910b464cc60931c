using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students;

namespace Fleet.Modeling.Training;

/// <summary>
/// Variations of a sample that keep its class: images are moved by up to a twelfth of their extent, edges empty, and half of them
/// mirrored; the gain of signals changes, and they are rotated in time, or they are disturbed by noise; of a text each piece is hidden
/// with a chance of one in ten; features of sound are <see cref="SpectrumViews"/>; a row of a table stays as it is. Beside that or without,
/// series are warped in time (<see cref="TimeWarp"/>), images go through <see cref="PictureOperations"/> and are mixed with others
/// (<see cref="Mixture"/>), and so are their labels. A view is a function of seed, sample and number, so that a teacher can be asked about
/// exactly the view its student sees, mixtures included (function matching: Beyer et al., arXiv 2106.05237).
/// </summary>
/// <param name="Enabled">False: there is one view, the sample as it is.</param>
/// <param name="Mirror">True: half of the views of an image are mirrored.</param>
/// <param name="Seed">Seed of the views.</param>
internal sealed record Augmentation(bool Enabled, bool Mirror, int Seed)
{
    /// <summary>True: samples are moved, rotated, disturbed or hidden in part, as their kind is.</summary>
    public bool Moves { get; init; } = true;

    /// <summary>True: images are mixed value by value.</summary>
    public bool Mixup { get; init; }

    /// <summary>True: images get rectangles of others.</summary>
    public bool Cutmix { get; init; }

    /// <summary>True: some images are mixed with others.</summary>
    public bool Mixes => Mixup || Cutmix;

    /// <summary>Operations that every image goes through.</summary>
    public int Operations { get; init; }

    /// <summary>How strong these are, 1 to 10.</summary>
    public int Magnitude { get; init; } = UsualMagnitude;

    /// <summary>True: series are warped in time.</summary>
    public bool Warp { get; init; }

    /// <summary>True: signals are rotated in time.</summary>
    public bool Rotate { get; init; } = true;

    /// <summary>True: parts of features of sound are hidden.</summary>
    public bool Mask { get; init; } = true;

    /// <summary>
    /// Deviation of each channel of the samples that are learned from: signals are disturbed by shares of it; null: they are not.
    /// </summary>
    public float[]? Disturbed { get; init; }

    /// <summary>
    /// Share of a channel's deviation by which each of its values is disturbed, and all of them together: of two units of one kind the same
    /// sensor reads the same no more exactly than that.
    /// </summary>
    private const float NoiseShare = 0.33f;

    private const int UsualMagnitude = 3;

    /// <summary>Chance that a view is a mixture.</summary>
    private const double MixedShare = 0.5;

    /// <summary>Share of a text's pieces that a view hides.</summary>
    private const double HiddenShare = 0.1;

    /// <summary>The augmentation of a training run.</summary>
    /// <param name="spec">What is asked for.</param>
    /// <param name="training">What is learned from.</param>
    /// <param name="seed">Seed of the views.</param>
    public static Augmentation Of(TrainingSpec spec, SampleSet training, int seed)
        => new(spec.IsVaried(), spec.Mirror != false, seed)
        {
            Moves = spec.Augment == true,
            Mixup = spec.Mixup == true,
            Cutmix = spec.Cutmix == true,
            Operations = spec.Operations ?? 0,
            Magnitude = spec.Magnitude ?? UsualMagnitude,
            Warp = spec.Warp == true,
            Rotate = spec.Rotate != false,
            Mask = spec.Mask != false,
            Disturbed = spec is { Augment: true, Noise: true } ? Normalization.Moments(training).Deviation : null,
        };

    /// <summary>Writes view <paramref name="view"/> of sample <paramref name="index"/>; view 0 is the sample as it is.</summary>
    public void Write(SampleSet samples, int index, int view, Span<float> destination)
    {
        Vary(samples, index, view, destination);
        if (MixtureOf(samples, index, view) is not { } mixture) return;
        var other = new float[samples.SampleLength];
        Vary(samples, mixture.Other, view, other);
        mixture.Add(other, samples.SampleShape, destination);
    }

    /// <summary>What a view is mixed with; null for nothing.</summary>
    public Mixture? MixtureOf(SampleSet samples, int index, int view)
    {
        if (view == 0 || !Mixes) return null;
        var random = RandomOf(index, view, 1);
        if (random.NextDouble() >= MixedShare) return null;
        var isCut = Cutmix && (!Mixup || random.Next(2) == 1);
        return Mixture.Draw(samples.Count, isCut ? samples.SampleShape : null, random);
    }

    private void Vary(SampleSet samples, int index, int view, Span<float> destination)
    {
        var sample = samples.Sample(index);
        var shape = samples.SampleShape;
        if (samples.IsSpectrum && Moves && Enabled && view != 0)
            SpectrumViews.Write(sample, shape, destination, RandomOf(index, view), Mask);
        else Write(sample, shape, destination, index, view, samples.Vocabulary is not null);
    }

    /// <summary>Writes view <paramref name="view"/> of a sample without others; view 0 is the sample as it is.</summary>
    public void Write(ReadOnlySpan<float> sample, IReadOnlyList<int> shape, Span<float> destination, int index,
        int view, bool tokens = false)
    {
        if (view == 0 || !Enabled)
        {
            sample.CopyTo(destination);
            return;
        }
        if (Warp && shape.Count == 2)
        {
            var warped = new float[sample.Length];
            TimeWarp.Write(sample, shape, warped, RandomOf(index, view, 2));
            sample = warped;
        }
        var random = RandomOf(index, view);
        if (!Moves) sample.CopyTo(destination);
        else if (tokens) Text(sample, destination, random);
        else if (shape.Count == 3) Image(sample, shape, destination, random);
        else if (shape.Count == 2 && Disturbed is { } deviations) Disturb(sample, shape[1], deviations, destination, random);
        else if (shape.Count == 2) Signal(sample, shape, destination, random);
        else sample.CopyTo(destination);
        if (Operations > 0 && shape.Count == 3)
            PictureOperations.Apply(destination, shape, Operations, Magnitude, RandomOf(index, view, 3));
    }

    // Each use has chance of its own: what one draws does not change another.
    private Random RandomOf(int index, int view, int use = 0)
        => new(unchecked(((Seed * 397 ^ index) * 397 ^ view) + use * 0x5bd1e995));

    private static void Text(ReadOnlySpan<float> sample, Span<float> destination, Random random)
    {
        for (var place = 0; place < sample.Length; place++)
            destination[place] = sample[place] != Vocabulary.Padding && random.NextDouble() < HiddenShare
                ? Vocabulary.Unknown
                : sample[place];
    }

    private void Image(ReadOnlySpan<float> sample, IReadOnlyList<int> shape, Span<float> destination, Random random)
    {
        var (height, width) = (shape[1], shape[2]);
        var (down, right) = (Shift(height, random), Shift(width, random));
        var mirrored = random.Next(2) == 1 && Mirror;
        destination.Clear();
        for (var row = 0; row < shape[0] * height; row++)
        {
            var y = row % height + down;
            if (y < 0 || y >= height) continue;
            var from = sample.Slice(row * width, width);
            var to = destination.Slice((row + down) * width, width);
            from[Math.Max(0, -right)..Math.Min(width, width - right)].CopyTo(to[Math.Max(0, right)..]);
            if (mirrored) to.Reverse();
        }
    }

    private static int Shift(int extent, Random random) => random.Next(-(extent / 12), extent / 12 + 1);

    private static void Disturb(ReadOnlySpan<float> sample, int length, float[] deviations, Span<float> destination, Random random)
    {
        for (var channel = 0; channel < deviations.Length; channel++)
        {
            var size = NoiseShare * deviations[channel];
            var offset = size * Normal(random);
            for (var place = channel * length; place < (channel + 1) * length; place++)
                destination[place] = sample[place] + offset + size * Normal(random);
        }
    }

    // The angle and the radius of a point of a plane whose coordinates are normal (Box, Muller, 1958).
    public static float Normal(Random random)
        => MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle())) * MathF.Cos(2 * MathF.PI * random.NextSingle());

    private void Signal(ReadOnlySpan<float> sample, IReadOnlyList<int> shape, Span<float> destination, Random random)
    {
        var length = shape[1];
        var shift = Rotate ? random.Next(length) : 0;
        var gain = (float)(0.8 + 0.4 * random.NextDouble());
        for (var channel = 0; channel < shape[0]; channel++)
        {
            var from = sample.Slice(channel * length, length);
            var to = destination.Slice(channel * length, length);
            from[shift..].CopyTo(to);
            from[..shift].CopyTo(to[(length - shift)..]);
            foreach (ref var value in to) value *= gain;
        }
    }
}
