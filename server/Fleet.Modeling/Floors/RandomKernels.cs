using System.Numerics.Tensors;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Floors;

/// <summary>
/// Features of series by random convolutions: of each the largest value and the share of values above zero (ROCKET: Dempster, Petitjean,
/// Webb, arXiv 1910.13051). Kernels have 7, 9 or 11 weights, spread so wide that they reach over any part of a series; of several channels
/// each hears some. With <see cref="Ridge"/> behind them they classify as well as most networks, and nothing of them is trained.
/// </summary>
internal sealed class RandomKernels
{
    /// <summary>The paper takes 10,000; a floor needs no last point.</summary>
    private const int Most = 500, Fewest = 64;

    /// <summary>Multiplications that all series together may take.</summary>
    private const double MostWork = 1e10;

    private readonly Kernel[] _kernels;

    /// <param name="channels">Channels of a series.</param>
    /// <param name="length">Its length.</param>
    /// <param name="series">How many will be asked about.</param>
    /// <param name="seed">Seed of the kernels.</param>
    public RandomKernels(int channels, int length, int series, int seed)
    {
        var random = new Random(seed);
        var count = (int)Math.Clamp(MostWork / ((double)series * length * 9 * Math.Sqrt(channels)), Fewest, Most);
        _kernels = [.. Enumerable.Range(0, count).Select(_ => Kernel.Random(channels, length, random))];
    }

    /// <summary>Features of a series.</summary>
    public int Features => 2 * _kernels.Length;

    /// <summary>Writes the features of some samples in a row, row by row.</summary>
    /// <param name="samples">The samples.</param>
    /// <param name="start">The first that is asked about.</param>
    /// <param name="features">Where they go, until it is full.</param>
    /// <param name="mean">What is taken off each channel first.</param>
    /// <param name="scale">What each channel is multiplied by then.</param>
    /// <param name="cancellationToken">Stops between samples.</param>
    public void Write(
        SampleSet samples, int start, Span<float> features, float[] mean, float[] scale, CancellationToken cancellationToken)
    {
        var length = samples.SampleShape[1];
        var (series, sums) = (new float[samples.SampleLength], new float[length]);
        for (var sample = 0; sample < features.Length / Features; sample++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            samples.Sample(start + sample).CopyTo(series);
            for (var channel = 0; channel < mean.Length; channel++)
            {
                var values = series.AsSpan(channel * length, length);
                TensorPrimitives.Subtract(values, mean[channel], values);
                TensorPrimitives.Multiply(values, scale[channel], values);
            }
            for (var kernel = 0; kernel < _kernels.Length; kernel++)
                (features[sample * Features + 2 * kernel], features[sample * Features + 2 * kernel + 1]) =
                    _kernels[kernel].Of(series, length, sums);
        }
    }

    /// <param name="Channels">The channels it hears.</param>
    /// <param name="Weights">Its weights, channel by channel.</param>
    /// <param name="Bias">Added to every value.</param>
    /// <param name="Dilation">Steps from one weight to the next.</param>
    /// <param name="IsPadded">True where it begins and ends over the edges.</param>
    private sealed record Kernel(int[] Channels, float[] Weights, float Bias, int Dilation, bool IsPadded)
    {
        private static readonly int[] Sizes = [7, 9, 11];

        private int Size => Weights.Length / Channels.Length;

        public static Kernel Random(int channels, int length, Random random)
        {
            var size = Sizes[random.Next(Sizes.Length)];
            while (size > Math.Max(3, length)) size -= 2;
            var heard = (int)Math.Pow(2, random.NextDouble() * Math.Log2(Math.Min(channels, size) + 1));
            var some = Enumerable.Range(0, channels).ToArray();
            random.Shuffle(some);
            var weights = new float[heard * size];
            for (var channel = 0; channel < heard; channel++)
            {
                var own = weights.AsSpan(channel * size, size);
                foreach (ref var weight in own) weight = Normal(random);
                TensorPrimitives.Subtract(own, TensorPrimitives.Sum<float>(own) / size, own);
            }
            var widest = Math.Max(1, (length - 1.0) / (size - 1));
            var dilation = (int)Math.Pow(2, random.NextDouble() * Math.Log2(widest));
            return new Kernel(some[..heard], weights, (float)(2 * random.NextDouble() - 1), dilation, random.Next(2) == 1);
        }

        /// <summary>The largest value, and the share of values above zero.</summary>
        public (float Largest, float Share) Of(ReadOnlySpan<float> series, int length, float[] sums)
        {
            var reach = (Size - 1) * Dilation;
            var before = IsPadded || reach >= length ? reach / 2 : 0;
            var values = sums.AsSpan(0, before > 0 ? length : length - reach);
            values.Fill(Bias);
            for (var channel = 0; channel < Channels.Length; channel++)
            {
                var heard = series.Slice(Channels[channel] * length, length);
                for (var place = 0; place < Size; place++)
                {
                    var offset = place * Dilation - before;
                    // Beyond the edges there is silence.
                    var (first, last) = (Math.Max(0, -offset), Math.Min(values.Length, length - offset));
                    if (last <= first) continue;
                    var part = values[first..last];
                    TensorPrimitives.MultiplyAdd(heard[(first + offset)..(last + offset)], Weights[channel * Size + place], part, part);
                }
            }
            var above = 0;
            foreach (var value in values) above += value > 0 ? 1 : 0;
            return (TensorPrimitives.Max<float>(values), (float)above / values.Length);
        }

        // Box and Muller, Annals of Mathematical Statistics 29, 1958.
        private static float Normal(Random random)
            => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
    }
}
