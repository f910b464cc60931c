using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;

namespace Fleet.Modeling.Tests;

/// <summary>Grey images with bright squares and crosses on noise, and where they are: enough for a small detector to learn.</summary>
internal static class Shapes
{
    public const int Extent = 48;

    public static readonly DetectionForm Form = new() { MaximumOverlap = 0.5 };

    public static readonly DetectionGrid Grid = DetectionGrid.Over([1, Extent, Extent], 2);

    public static readonly DataSet Data = new(Samples(512, 1), Samples(96, 2), Samples(96, 3), ["square", "cross"])
    {
        Task = ModelTask.Detection,
    };

    /// <summary>One or two shapes in each image, apart from each other.</summary>
    public static SampleSet Samples(int count, int seed)
    {
        var random = new Random(seed);
        var inputs = new float[count * Extent * Extent];
        var boxes = new List<TrueBox>[count];
        for (var sample = 0; sample < count; sample++)
        {
            var image = inputs.AsSpan(sample * Extent * Extent, Extent * Extent);
            foreach (ref var value in image) value = 0.2f * random.NextSingle();
            boxes[sample] = [];
            for (var tries = 0; tries < 2; tries++)
            {
                var side = random.Next(10, 20);
                var (left, top, kind) = (random.Next(Extent - side), random.Next(Extent - side), random.Next(2));
                var box = new Box((float)left / Extent, (float)top / Extent, (float)(left + side) / Extent, (float)(top + side) / Extent);
                if (boxes[sample].Exists(other => other.Box.Overlap(box) > 0)) continue;
                Draw(image, left, top, side, kind);
                boxes[sample].Add(new TrueBox(box, kind));
            }
        }
        return new SampleSet(inputs, [1, Extent, Extent], new BoxLabels(boxes, Grid, Form));
    }

    private static void Draw(Span<float> image, int left, int top, int side, int kind)
    {
        for (var y = 0; y < side; y++)
        {
            for (var x = 0; x < side; x++)
            {
                var arm = Math.Abs(2 * x - side) < side / 2 || Math.Abs(2 * y - side) < side / 2;
                if (kind == 0 || arm) image[(top + y) * Extent + left + x] += 0.8f;
            }
        }
    }
}
