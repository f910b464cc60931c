namespace Fleet.TestKit;

/// <summary>A shape in an image; its ends are shares of the image.</summary>
/// <param name="Kind">0 for a square, 1 for a cross.</param>
/// <param name="Left">Left end.</param>
/// <param name="Top">Upper end.</param>
/// <param name="Right">Right end.</param>
/// <param name="Bottom">Lower end.</param>
public readonly record struct DrawnShape(int Kind, float Left, float Top, float Right, float Bottom);

/// <summary>Grey images with bright squares and crosses on noise, and where they are: enough for a small detector to learn.</summary>
public static class ShapeImages
{
    /// <summary>Draws images with one or two shapes each, apart from each other.</summary>
    /// <param name="count">How many.</param>
    /// <param name="extent">Height and width of each.</param>
    /// <param name="seed">The same seed draws the same images.</param>
    /// <returns>The images one after the other, row by row, and the shapes of each.</returns>
    public static (float[] Images, IReadOnlyList<DrawnShape>[] Shapes) Draw(int count, int extent, int seed)
    {
        var random = new Random(seed);
        var images = new float[count * extent * extent];
        var all = new IReadOnlyList<DrawnShape>[count];
        for (var number = 0; number < count; number++)
        {
            var image = images.AsSpan(number * extent * extent, extent * extent);
            foreach (ref var value in image) value = 0.2f * random.NextSingle();
            var shapes = new List<DrawnShape>();
            for (var tries = 0; tries < 2; tries++)
            {
                var side = random.Next(10, 20);
                var (left, top, kind) = (random.Next(extent - side), random.Next(extent - side), random.Next(2));
                float Share(int place) => (float)place / extent;
                var shape = new DrawnShape(kind, Share(left), Share(top), Share(left + side), Share(top + side));
                if (shapes.Exists(other => Meet(other, shape))) continue;
                Draw(image, extent, left, top, side, kind);
                shapes.Add(shape);
            }
            all[number] = shapes;
        }
        return (images, all);
    }

    private static bool Meet(DrawnShape one, DrawnShape other)
        => one.Left < other.Right && other.Left < one.Right && one.Top < other.Bottom && other.Top < one.Bottom;

    private static void Draw(Span<float> image, int extent, int left, int top, int side, int kind)
    {
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                var arm = Math.Abs(2 * x - side) < side / 2 || Math.Abs(2 * y - side) < side / 2;
                if (kind == 0 || arm) image[(top + y) * extent + left + x] += 0.8f;
            }
        }
    }
}
