using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Fleet.Modeling.Data;
using Fleet.TestKit;

namespace Fleet.Modeling.Tests;

/// <summary>Images with shapes as a data set.</summary>
internal static class Shapes
{
    public const int Extent = 48;

    public static readonly DetectionForm Form = new() { MaximumOverlap = 0.5 };

    public static readonly DetectionGrid Grid = DetectionGrid.Over([1, Extent, Extent], 2);

    public static readonly DataSet Data = new(Samples(512, 1), Samples(96, 2), Samples(96, 3), ["square", "cross"])
    {
        Task = ModelTask.Detection,
    };

    public static SampleSet Samples(int count, int seed)
    {
        var (images, shapes) = ShapeImages.Draw(count, Extent, seed);
        IReadOnlyList<TrueBox>[] boxes = [
            .. shapes.Select(drawn => drawn.Select(shape =>
                new TrueBox(new Box(shape.Left, shape.Top, shape.Right, shape.Bottom), shape.Kind)).ToList()),
        ];
        return new SampleSet(images, [1, Extent, Extent], new BoxLabels(boxes, Grid, Form));
    }
}
