using Fleet.Contracts.Builds;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.Data;
using Fleet.Modeling.Students.Layers;

namespace Fleet.Modeling.Students;

/// <summary>
/// The network families. A teacher is the same family at a larger width; that of a convolutional family has a wide dense head
/// too: most of its parameters are where one costs one multiplication, so it trains in minutes on one core.
/// </summary>
internal static class Families
{
    /// <summary>
    /// Stages of <c>mlp</c>, blocks of <c>encoder</c> and <c>detector</c>, and convolutions of a stage of <c>cnn</c> when the spec does not
    /// say.
    /// </summary>
    private static int UsualDepth(string family) => family switch { "cnn" => 1, "detector" => 3, _ => 2 };

    /// <summary>Narrowest head of an encoder: below it a head tells too little apart.</summary>
    private const int HeadWidth = 16;

    /// <summary>Width for each unit of the code of an autoencoder.</summary>
    private const int CodeShare = 4;

    /// <summary>Channels of a block for each unit that weighs them.</summary>
    private const int SqueezedBy = 8;

    /// <summary>The family behind a name.</summary>
    private static Family Of(string family) => family switch
    {
        "linear" => new Family(null, _ => [new Flatten()], _ => [], 0),
        "mlp" => new Family(null, Rows, _ => [], 0),
        "prototypes" => new Family(null, sizes => [new Flatten(), new Projection(CodeOf(sizes))], _ => [], 0),
        "conv1d" => new Family(2, Signal, _ => [new GlobalAverage()], 16),
        "random-kernels" => new Family(2, Kernels, _ => [new GlobalAverage()], 0),
        "cnn" => new Family(3, Image, width => [new Flatten(), new Dense(6 * width)], 16),
        "cnn-separable" => new Family(3, SeparableImage, _ => [new GlobalAverage()], 16),
        "gru" => new Family(2, sizes => [new Recurrence(sizes.Width)], _ => [], 0),
        "tcn" => new Family(2, Causal, _ => [new LastPlace()], 0),
        "conv1d-residual" => new Family(2, ResidualSignal, _ => [new GlobalAverage()], 0),
        "cnn-residual" => new Family(3, ResidualImage, _ => [new GlobalAverage()], 0),
        "detector" => new Family(3, Grid, _ => [], 0),
        "text-cnn" => new Family(1, Words, _ => [], 0),
        "encoder" => new Family(1, Encoder, _ => [new LayerNormalization(), new TokenMean()], 0),
        _ => throw new BuildException($"Family '{family}' is not known; it is one of {string.Join(", ", BuildSpecRules.Families)}."),
    };

    /// <summary>
    /// Axes of one sample: a length (tokens), channels and length, or channels, height and width; null where any will do.
    /// </summary>
    /// <exception cref="BuildException">The families of a teacher that is trained here and its student take different samples.</exception>
    public static int? SampleRank(string student, string? teacher = null)
    {
        static int? RankOf(string family) => family == StudentSpec.Auto ? null : Of(family).SampleRank;
        int? own = RankOf(student), other = teacher is null ? own : RankOf(teacher);
        return own is null || other is null || own == other
            ? own ?? other
            : throw new BuildException(
                $"student.family '{student}' and teacher.family '{teacher}' take samples of different shapes; choose families that take "
                    + "the same.");
    }

    /// <summary>The head for the labels of a data set.</summary>
    public static Head HeadFor(DataSet data) => data.Training.Labels switch
    {
        ValueLabels values => new Regressor(values.Mean(), values.Deviation()),
        BoxLabels boxes => new Detector(boxes.Grid.Classes),
        AnomalyLabels => new Reconstruction(data.Training.SampleShape),
        _ => new Classifier(data.Classes.Count),
    };

    /// <summary>The student of a family.</summary>
    /// <param name="family">Its name.</param>
    /// <param name="width">Channels of the first stage, units of each stage, or width of a token's vector.</param>
    /// <param name="inputShape">Shape of one sample.</param>
    /// <param name="head">What it answers with.</param>
    /// <param name="depth">Stages, blocks or convolutions of a stage, where the family has a choice; 0 for the usual.</param>
    /// <param name="vocabulary">Of samples that are token numbers.</param>
    public static NetworkPlan Student(
        string family, int width, IReadOnlyList<int> inputShape, Head head, int depth = 0, Vocabulary? vocabulary = null)
        => Plan(family, new Sizes(width, depth, inputShape, vocabulary), Of(family).BeforeStudentHead(width), head, "");

    /// <summary>A teacher of a family.</summary>
    /// <inheritdoc cref="Student"/>
    public static NetworkPlan Teacher(
        string family, int width, IReadOnlyList<int> inputShape, Head head, int depth = 0, Vocabulary? vocabulary = null)
        => Of(family).TeacherUnits is > 0 and var units
            ? Plan(family, new Sizes(width, depth, inputShape, vocabulary), [new Flatten(), new Dense(units * width)], head, ", dense head")
            : Student(family, width, inputShape, head, depth, vocabulary);

    private static NetworkPlan Plan(string family, Sizes sizes, IReadOnlyList<Layer> behind, Head head, string note)
    {
        if (sizes.Depth == 0) sizes = sizes with { Depth = UsualDepth(family) };
        var named = family is "mlp" or "encoder" or "detector" || family == "cnn" && sizes.Depth > 1 ? $", depth {sizes.Depth}" : "";
        // What is not trained is of any scale, and so is what is said often beside what is said at all.
        if (family is "random-kernels" or "text-cnn" && head is DenseHead dense) head = dense with { Standardizes = true };
        var width = family == "linear" ? "" : $", width {sizes.Width}";
        if (head is Reconstruction score && family == "prototypes")
            (head, behind) = (score with { Prototypes = new float[Reconstruction.PrototypeCount * CodeOf(sizes)] }, []);
        else if (head is Reconstruction) behind = Bottleneck(family, sizes);
        Layer[] layers = [.. Of(family).Stages(sizes), .. behind, head];
        return new NetworkPlan($"{family}{width}{named}{note}", sizes.InputShape, layers) { Vocabulary = sizes.Vocabulary };
    }

    private static List<Layer> Rows(Sizes sizes) => [new Flatten(), .. Enumerable.Repeat(new Dense(sizes.Width), sizes.Depth)];

    // A narrow code between what reads a sample and what rebuilds it: whatever a whole sample fits through would rebuild anomalies as well.
    private static Layer[] Bottleneck(string family, Sizes sizes) => [
        .. family == "mlp" ? (Layer[])[] : [new Flatten()],
        new Dense(Math.Max(2, sizes.Width / CodeShare)), new Dense(sizes.Width), new Dense(sizes.Width),
    ];

    // Of few values there are no more components.
    private static int CodeOf(Sizes sizes) => Math.Min(sizes.Width, sizes.InputShape.Aggregate(1, (product, extent) => product * extent));

    // Long kernels early, where a signal oscillates; strides instead of pooling, which would blur the phase of fast strikes.
    private static List<Layer> Signal(Sizes sizes)
    {
        var (width, length) = (sizes.Width, sizes.InputShape[1]);
        (int Channels, int Kernel)[] stages = [(width, 15), (2 * width, 9), (4 * width, 9), (4 * width, 9), (6 * width, 5)];
        var layers = new List<Layer>();
        foreach (var (channels, kernel) in stages)
        {
            var stride = layers.Count == 0 && length >= 512 ? 4 : length >= 8 ? 2 : 1;
            layers.Add(new Convolution(channels, kernel, stride));
            length = (length - 1) / stride + 1;
        }
        return layers;
    }

    // Relations of channels first, each of which then has kernels of its own.
    private static List<Layer> Kernels(Sizes sizes)
        => [.. sizes.InputShape[0] > 1 ? (Layer[])[new ChannelMix()] : [], new KernelBank(sizes.Width)];

    private static List<Layer> Image(Sizes sizes)
    {
        var (width, extent) = (sizes.Width, sizes.Extent);
        var layers = new List<Layer>();
        foreach (var channels in (int[])[width, 2 * width, 4 * width])
        {
            layers.AddRange(Enumerable.Repeat(new Convolution(channels, 3), sizes.Depth));
            if (extent < 4) continue;
            layers.Add(new MaxPool(2));
            extent /= 2;
        }
        return layers;
    }

    // A plain first layer, which costs little on few channels, then pairs of a depthwise and a mixing convolution: more layers
    // and channels than plain ones for the same parameters.
    private static List<Layer> SeparableImage(Sizes sizes)
    {
        var (width, extent) = (sizes.Width, sizes.Extent);
        var layers = new List<Layer> { new Convolution(width, 3) };
        foreach (var channels in (int[])[2 * width, 4 * width, 8 * width])
        {
            layers.AddRange([new Depthwise(3), new Convolution(channels, 1)]);
            if (channels > 2 * width) layers.AddRange([new Depthwise(3), new Convolution(channels, 1)]);
            if (extent < 4 || channels == 8 * width) continue;
            layers.Add(new MaxPool(2));
            extent /= 2;
        }
        return layers;
    }

    // Depthwise kernels with something around them that what they learn is added to: it then takes fewer steps to train, and channels that
    // say nothing about a sample are turned down.
    private static List<Layer> ResidualSignal(Sizes sizes)
    {
        var (width, length) = (sizes.Width, sizes.InputShape[1]);
        var layers = new List<Layer>();
        foreach (var channels in (int[])[width, 2 * width, 4 * width])
        {
            var stride = layers.Count == 0 && length >= 512 ? 4 : length >= 8 ? 2 : 1;
            layers.Add(new Convolution(channels, layers.Count == 0 ? 15 : 5, stride));
            layers.AddRange(Correction(channels, 9, layers, sizes));
            length = (length - 1) / stride + 1;
        }
        return layers;
    }

    // A place hears what was before it, each block twice as far back (Bai, Kolter, Koltun, arXiv 1803.01271). Depthwise kernels: plain ones
    // have several times the weights, and learned the training engines of C-MAPSS by heart.
    private static List<Layer> Causal(Sizes sizes)
    {
        const int Kernel = 5;
        var layers = new List<Layer> { new Convolution(sizes.Width, Kernel) { IsCausal = true } };
        for (var dilation = 1; dilation == 1 || (Kernel - 1) * dilation < sizes.InputShape[1]; dilation *= 2)
            layers.AddRange([
                new Remember(), new Depthwise(Kernel) { IsCausal = true, Dilation = dilation },
                new Convolution(sizes.Width, 1) { IsLinear = true }, new AddRemembered(),
            ]);
        return layers;
    }

    private static List<Layer> ResidualImage(Sizes sizes)
    {
        var (width, extent) = (sizes.Width, sizes.Extent);
        var layers = new List<Layer> { new Convolution(width, 3) };
        foreach (var channels in (int[])[2 * width, 4 * width, 8 * width])
        {
            layers.AddRange([new Depthwise(3), new Convolution(channels, 1)]);
            if (channels > 2 * width) layers.AddRange(Correction(channels, 3, layers, sizes));
            if (extent < 4 || channels == 8 * width) continue;
            layers.Add(new MaxPool(2));
            extent /= 2;
        }
        return layers;
    }

    /// <summary>A separable convolution whose channels are weighted by what is in all of the sample, added to what came in.</summary>
    private static Layer[] Correction(int channels, int kernel, IEnumerable<Layer> before, Sizes sizes)
    {
        var shape = before.Aggregate(sizes.InputShape, (shape, layer) => layer.ShapeBehind(shape));
        return [
            new Remember(), new Depthwise(kernel), new Convolution(channels, 1) { IsLinear = true },
            new Remember(), new GlobalAverage(), new Dense(Math.Max(4, channels / SqueezedBy)), new Gate(channels, [.. shape.Skip(1)]),
            new AddRemembered(),
        ];
    }

    // Three steps of two to the cells of the grid, then wide kernels of one channel each: they let a cell see as far as large boxes
    // reach, which for plain ones would cost more than all the rest.
    private static List<Layer> Grid(Sizes sizes)
    {
        var width = sizes.Width;
        var layers = new List<Layer> { new Convolution(width, 3, 2), new Convolution(2 * width, 3, 2), new Convolution(4 * width, 3, 2) };
        for (var block = 0; block < sizes.Depth; block++) layers.AddRange([new Depthwise(7), new Convolution(4 * width, 1)]);
        return layers;
    }

    // What words mean side by side, as the strongest sign of each kernel (Kim, arXiv 1408.5882), beside what all of them mean whatever
    // their order: of short texts the second alone is nearly as right as an encoder.
    private static List<Layer> Words(Sizes sizes) => [
        new Tokens(sizes.Vocabulary!.Pieces.Count, sizes.Width), new TokenChannels(), new Remember(),
        new Convolution(2 * sizes.Width, 3), new MaxPool(sizes.InputShape[0]), new Flatten(), new BesideAverage(sizes.Width),
    ];

    // Normalization in front of each half of a block rather than behind it: such encoders train without a long warm-up
    // (Xiong et al., arXiv 2002.04745).
    private static List<Layer> Encoder(Sizes sizes)
    {
        var width = sizes.Width;
        var heads = Enumerable.Range(1, Math.Max(1, width / HeadWidth)).Last(count => width % count == 0);
        var layers = new List<Layer> { new Tokens(sizes.Vocabulary!.Pieces.Count, width), new Positions() };
        for (var block = 0; block < sizes.Depth; block++)
        {
            layers.AddRange(Residual(new Linear(3 * width), new Attention(heads), new Linear(width)));
            layers.AddRange(Residual(new Linear(4 * width), new Gelu(), new Linear(width)));
        }
        return layers;
    }

    private static Layer[] Residual(params Layer[] correction)
        => [new Remember(), new LayerNormalization(), .. correction, new AddRemembered()];

    /// <summary>How large a network of a family is to be.</summary>
    private sealed record Sizes(int Width, int Depth, IReadOnlyList<int> InputShape, Vocabulary? Vocabulary)
    {
        /// <summary>The shorter side of an image.</summary>
        public int Extent => Math.Min(InputShape[1], InputShape[2]);
    }

    /// <param name="SampleRank">Axes of one sample; null for any.</param>
    /// <param name="Stages">Layers in front of the head.</param>
    /// <param name="BeforeStudentHead">Layers between the stages and a student's head, of the width.</param>
    /// <param name="TeacherUnits">Units of a teacher's dense layer before its head for each unit of width; 0 when it ends as a
    /// student.</param>
    private sealed record Family(
        int? SampleRank, Func<Sizes, List<Layer>> Stages, Func<int, IReadOnlyList<Layer>> BeforeStudentHead, int TeacherUnits);
}
