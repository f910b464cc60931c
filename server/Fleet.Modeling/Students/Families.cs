using Fleet.Contracts.Builds;

namespace Fleet.Modeling.Students;

/// <summary>
/// The network families. Each is a stem, stages that halve the extent and widen the channels until little is left, and a
/// head. A teacher is the same family at a larger width with a wide dense head: most of its parameters are where one costs
/// one multiplication, so it trains in minutes on one core.
/// </summary>
internal static class Families
{
    /// <summary>Axes of one sample of a family: channels and length, or channels, height and width.</summary>
    public static int SampleRank(string family) => family switch
    {
        "conv1d" => 2,
        "cnn" => 3,
        _ => throw new BuildException($"Family '{family}' is not known; it is one of {string.Join(", ", BuildSpecRules.Families)}."),
    };

    /// <summary>The student of a family.</summary>
    public static NetworkPlan Student(string family, int width, IReadOnlyList<int> inputShape, int classes) => new(
        $"{family}, width {width}", inputShape,
        [.. Stages(family, width, inputShape), .. Head(family, width, dense: 6), new Layer.Classifier(classes)]);

    /// <summary>A teacher of a family.</summary>
    public static NetworkPlan Teacher(string family, int width, IReadOnlyList<int> inputShape, int classes) => new(
        $"{family}, width {width}, dense head", inputShape,
        [.. Stages(family, width, inputShape), new Layer.Flatten(), new Layer.Dense(16 * width), new Layer.Classifier(classes)]);

    private static List<Layer> Stages(string family, int width, IReadOnlyList<int> shape) => family == "conv1d" ? Signal(width, shape[1]) : Image(width, Math.Min(shape[1], shape[2]));

    private static Layer[] Head(string family, int width, int dense) => family == "conv1d"
        ? [new Layer.GlobalAverage()]
        : [new Layer.Flatten(), new Layer.Dense(dense * width)];

    // Long kernels early, where a signal oscillates; strides instead of pooling, which would blur the phase of fast strikes.
    private static List<Layer> Signal(int width, int length)
    {
        (int Channels, int Kernel)[] stages = [(width, 15), (2 * width, 9), (4 * width, 9), (4 * width, 9), (6 * width, 5)];
        var layers = new List<Layer>();
        foreach (var (channels, kernel) in stages)
        {
            var stride = layers.Count == 0 && length >= 512 ? 4 : length >= 8 ? 2 : 1;
            layers.Add(new Layer.Convolution(channels, kernel, stride));
            length = (length - 1) / stride + 1;
        }
        return layers;
    }

    private static List<Layer> Image(int width, int extent)
    {
        var layers = new List<Layer>();
        foreach (var channels in (int[])[width, 2 * width, 4 * width])
        {
            layers.Add(new Layer.Convolution(channels, 3));
            if (extent < 4) continue;
            layers.Add(new Layer.MaxPool(2));
            extent /= 2;
        }
        return layers;
    }
}
