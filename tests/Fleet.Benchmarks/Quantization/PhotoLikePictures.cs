namespace Fleet.Benchmarks.Quantization;

/// <summary>
/// Pictures with the statistics of photographs where none are at hand: a 1/f spectrum (D. Field, "Relations between the statistics
/// of natural images and the response properties of cortical cells", 1987) under uneven light, objects with hard edges that cover
/// each other, faces with shading and features, a little grain. Made from a seed; values 0 to 255.
/// </summary>
internal static class PhotoLikePictures
{
    /// <summary>Makes pictures as planes of red, green and blue, one picture after the other.</summary>
    /// <param name="count">Pictures.</param>
    /// <param name="height">Pixels down.</param>
    /// <param name="width">Pixels across.</param>
    /// <param name="seed">Equal seeds give equal pictures.</param>
    /// <param name="normalize">Turns a value of 0 to 255 into what the model takes.</param>
    public static float[] Make(int count, int height, int width, int seed, Func<double, double> normalize)
    {
        var random = new Random(seed);
        var values = new float[count * 3 * height * width];
        for (var picture = 0; picture < count; picture++)
        {
            var canvas = new Canvas(height, width);
            Background(canvas, random);
            for (var left = random.Next(3, 9); left > 0; left--) Object(canvas, random);
            for (var left = random.Next(0, 4); left > 0; left--) Face(canvas, random);
            var exposure = 0.6 + 0.7 * random.NextDouble();
            var grain = 1 + 5 * random.NextDouble();
            for (var i = 0; i < canvas.Values.Length; i++)
                values[picture * canvas.Values.Length + i] = (float)normalize(
                    Math.Clamp(Math.Round(canvas.Values[i] * exposure + grain * Normal(random)), 0, 255));
        }
        return values;
    }

    private static void Background(Canvas canvas, Random random)
    {
        var texture = Texture(canvas.Height, canvas.Width, random);
        double[] tone = [
            random.Next(40, 190), random.Next(40, 190), random.Next(40, 190),
        ], warmth = [1 + 0.2 * random.NextDouble(), 1, 1 - 0.2 * random.NextDouble()];
        double across = random.Next(-80, 80), down = random.Next(-80, 80), contrast = random.Next(20, 60);
        canvas.Paint((x, y, channel, _) => tone[channel] + across * ((double)x / canvas.Width - 0.5)
            + down * ((double)y / canvas.Height - 0.5) + contrast * warmth[channel] * texture[y * canvas.Width + x]);
    }

    private static void Object(Canvas canvas, Random random)
    {
        double centreX = random.NextDouble() * canvas.Width, centreY =
            random.NextDouble() * canvas.Height, turn = random.NextDouble() * Math.PI;
        double half = (0.04 + 0.2 * random.NextDouble()) * canvas.Width, thick = half * (0.2 + 0.8 * random.NextDouble());
        double[] tone = [random.Next(10, 245), random.Next(10, 245), random.Next(10, 245)];
        var (round, shade) = (random.Next(2) == 0, random.NextDouble());
        var texture = Texture(canvas.Height, canvas.Width, random);
        canvas.Paint((x, y, channel, under) =>
        {
            var u = ((x - centreX) * Math.Cos(turn) + (y - centreY) * Math.Sin(turn)) / half;
            var v = ((y - centreY) * Math.Cos(turn) - (x - centreX) * Math.Sin(turn)) / thick;
            var inside = round ? u * u + v * v < 1 : Math.Abs(u) < 1 && Math.Abs(v) < 1;
            return inside ? tone[channel] * (1 - 0.4 * shade * (u + 1) / 2) + 15 * texture[y * canvas.Width + x] : under;
        });
    }

    private static void Face(Canvas canvas, Random random)
    {
        double radius = (0.04 + 0.12 * random.NextDouble()) * canvas.Width, centreX =
            random.NextDouble() * canvas.Width, centreY = random.NextDouble() * canvas.Height;
        double skin = 0.35 + 0.65 * random.NextDouble(), lightX =
            random.NextDouble() - 0.5, lightY = -random.NextDouble() * 0.5, hair = random.Next(10, 120);
        double[] tone = [235 * skin, 190 * skin, 165 * skin];
        canvas.Paint((x, y, channel, under) =>
        {
            double u = (x - centreX) / radius, v = (y - centreY) / (1.3 * radius);
            if (u * u + v * v >= 1) return u * u + (v + 0.25) * (v + 0.25) < 1.2 && v < -0.1 ? hair : under;
            if (v < -0.62 + 0.25 * u * u) return hair;
            // A sphere under light from one side (Lambert), with the darker parts of a face.
            var light = 0.72 + 0.28 * Math.Sqrt(1 - u * u - v * v) + 0.25 * (lightX * u + lightY * v);
            double Dark(double atX, double atY, double wide, double high, double depth)
                => 1 - depth * Math.Exp(-((u - atX) * (u - atX) / (wide * wide) + (v - atY) * (v - atY) / (high * high)));
            var features = Dark(-0.38, -0.12, 0.15, 0.07, 0.75) * Dark(0.38, -0.12, 0.15, 0.07, 0.75) * Dark(
                -0.38, -0.28, 0.2, 0.04, 0.5) * Dark(0.38, -0.28, 0.2, 0.04, 0.5)
                * Dark(0.05, 0.18, 0.14, 0.12, 0.2) * Dark(0, 0.5, 0.28, 0.06, channel == 0 ? 0.25 : 0.5);
            return tone[channel] * light * features;
        });
    }

    /// <summary>
    /// Noise whose amplitude falls with frequency: grids of random values, each twice as fine and half as strong as the one before.
    /// </summary>
    private static double[] Texture(int height, int width, Random random)
    {
        var texture = new double[height * width];
        for (var (cells, strength) = (2, 1.0); cells <= width / 2; cells *= 2, strength /= 2)
        {
            var (columns, rows) = (cells + 2, cells * height / width + 3);
            var grid = new double[columns * rows];
            for (var i = 0; i < grid.Length; i++) grid[i] = Normal(random) * strength;
            for (var y = 0; y < height; y++)
            {
                var gridY = (double)y * cells / width;
                for (var x = 0; x < width; x++)
                {
                    var gridX = (double)x * cells / width;
                    int column = (int)gridX, row = (int)gridY, corner = row * columns + column;
                    double right = gridX - column, below = gridY - row;
                    texture[y * width + x] += (grid[corner] * (1 - right) + grid[corner + 1] * right) * (1 - below)
                        + (grid[corner + columns] * (1 - right) + grid[corner + columns + 1] * right) * below;
                }
            }
        }
        return texture;
    }

    private static double Normal(Random random)
        => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(Math.Tau * random.NextDouble());

    private sealed class Canvas(int height, int width)
    {
        public int Height => height;

        public int Width => width;

        public double[] Values { get; } = new double[3 * height * width];

        public void Paint(Func<int, int, int, double, double> colour)
        {
            for (var i = 0; i < Values.Length; i++) Values[i] = colour(i % width, i / width % height, i / width / height, Values[i]);
        }
    }
}
