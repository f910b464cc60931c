namespace Fleet.Benchmarks.Quantization;

/// <summary>Made-up pictures with lines of capitals and digits, for models that find text or read it.</summary>
internal static class TextPictures
{
    private const int Across = 3, Down = 5;

    /// <summary>Letters of three by five dots, a row after the other; the highest of 15 bits is at the upper left.</summary>
    private static readonly Dictionary<char, int> Letters = new()
    {
        ['0'] = 0b111_101_101_101_111,
        ['1'] = 0b010_110_010_010_111,
        ['2'] = 0b111_001_111_100_111,
        ['3'] = 0b111_001_111_001_111,
        ['4'] = 0b101_101_111_001_001,
        ['5'] = 0b111_100_111_001_111,
        ['6'] = 0b111_100_111_101_111,
        ['7'] = 0b111_001_010_010_010,
        ['8'] = 0b111_101_111_101_111,
        ['9'] = 0b111_101_111_001_111,
        ['A'] = 0b010_101_111_101_101,
        ['C'] = 0b111_100_100_100_111,
        ['E'] = 0b111_100_111_100_111,
        ['F'] = 0b111_100_111_100_100,
        ['H'] = 0b101_101_111_101_101,
        ['I'] = 0b111_010_010_010_111,
        ['L'] = 0b100_100_100_100_111,
        ['O'] = 0b010_101_101_101_010,
        ['P'] = 0b111_101_111_100_100,
        ['T'] = 0b111_010_010_010_010,
    };

    /// <summary>Made-up photographs with some lines of text each, as planes of red, green and blue.</summary>
    public static float[] Scenes(int count, int height, int width, int seed, Func<double, double> normalize)
    {
        var (random, values) = (new Random(seed), PhotoLikePictures.Make(count, height, width, seed, value => value));
        for (var picture = 0; picture < count; picture++)
        {
            for (var line = random.Next(2, 6); line > 0; line--)
            {
                var dot = random.Next(2, 6);
                var (top, left) = (random.Next(height - Down * dot), random.Next(width / 2));
                Draw(values.AsSpan(picture * 3 * height * width, 3 * height * width), height, width, top, left, dot, random);
            }
        }
        return Normalized(values, normalize);
    }

    /// <summary>Pictures of one line of text each, which fills their height; every other one may stand on its head.</summary>
    public static float[] Lines(int count, int height, int width, int seed, bool turned, Func<double, double> normalize)
    {
        var (random, values) = (new Random(seed), PhotoLikePictures.Make(count, height, width, seed, value => 90 + value / 3));
        for (var picture = 0; picture < count; picture++)
        {
            var canvas = values.AsSpan(picture * 3 * height * width, 3 * height * width);
            var dot = height / (Down + 2);
            Draw(canvas, height, width, (height - Down * dot) / 2, random.Next(3 * dot), dot, random);
            if (!turned || random.Next(2) == 0) continue;
            for (var channel = 0; channel < 3; channel++) canvas.Slice(channel * height * width, height * width).Reverse();
        }
        return Normalized(values, normalize);
    }

    private static void Draw(Span<float> canvas, int height, int width, int top, int left, int dot, Random random)
    {
        char[] known = [.. Letters.Keys.Order()];
        double[] ink = [random.Next(60), random.Next(60), random.Next(60)];
        if (random.Next(3) == 0) ink = [.. ink.Select(tone => 255 - tone)];
        for (var letters = random.Next(4, 12); letters > 0 && left + Across * dot < width; letters--, left += (Across + 1) * dot)
        {
            var bits = Letters[known[random.Next(known.Length)]];
            for (var y = 0; y < Down * dot; y++)
            {
                for (var x = 0; x < Across * dot; x++)
                {
                    if ((bits >> (Across * Down - 1 - y / dot * Across - x / dot) & 1) == 0) continue;
                    for (var channel = 0; channel < 3; channel++)
                        canvas[(channel * height + top + y) * width + left + x] = (float)(ink[channel] + random.Next(12));
                }
            }
        }
    }

    private static float[] Normalized(float[] values, Func<double, double> normalize)
        => [.. values.Select(value => (float)normalize(Math.Clamp(value, 0, 255)))];
}
