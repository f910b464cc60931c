using System.Globalization;
using System.Numerics;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using NodeMaker = Fleet.Quantization.Onnx.Nodes;

namespace Fleet.Modeling.FrontEnds;

/// <summary>
/// The logarithm of the power of sound in bands of the mel scale, window by window, or the cosine transform of it (Davis, Mermelstein, IEEE
/// Transactions on Acoustics, Speech and Signal Processing 28, 1980). A window is weighed by the periodic Hann window w(n) = sin²(πn/N),
/// followed by zeros up to a power of two, and no window reaches over an end of the sample. Of its short-time Fourier transform X the power
/// |X|² is summed in the bands of <see cref="MelScale"/>; the natural logarithm is taken of that sum and <see cref="Silence"/>.
/// </summary>
/// <param name="Rate">Samples a second.</param>
/// <param name="Window">Samples of a window.</param>
/// <param name="Hop">Samples from one window to the next.</param>
/// <param name="Mels">Bands.</param>
/// <param name="Lowest">Where the lowest band begins, in Hz.</param>
/// <param name="Highest">Where the highest band ends, in Hz.</param>
/// <param name="Coefficients">Coefficients of the cosine transform that are kept; null for the logarithms themselves.</param>
internal sealed record LogMel(int Rate, int Window, int Hop, int Mels, double Lowest, double Highest, int? Coefficients)
{
    /// <summary>
    /// Added to the power before its logarithm: what is far below any noise of a microphone all sounds alike. A sine of full scale has a
    /// power of (N/4)², 2,500 at 8 kHz.
    /// </summary>
    public const double Silence = 1e-6;

    /// <summary>Key of an exported model's metadata: samples of sound a second.</summary>
    public const string RateKey = "sampleRate";

    private const int UsualMels = 40, UsualCoefficients = 13;
    private const double UsualWindow = 25, UsualHop = 10, UsualLowest = 20, UsualHighest = 8_000;

    /// <summary>Points of the Fourier transform.</summary>
    public int Points => (int)BitOperations.RoundUpToPowerOf2((uint)Window);

    /// <summary>What is known of a window: frequencies from 0 to half of the rate.</summary>
    public int Bins => Points / 2 + 1;

    /// <summary>Features of a moment.</summary>
    public int Rows => Coefficients ?? Mels;

    /// <summary>What a spec asks for, and the rest by the rate.</summary>
    /// <exception cref="BuildException">It cannot be had of sound of this rate.</exception>
    public static LogMel Of(FeatureSpec spec, int rate)
    {
        int Samples(double milliseconds) => (int)Math.Round(milliseconds * rate / 1000);
        var (window, hop) = (Samples(spec.WindowMilliseconds ?? UsualWindow), Samples(spec.HopMilliseconds ?? UsualHop));
        var (lowest, highest) = (spec.LowestHertz ?? UsualLowest, spec.HighestHertz ?? Math.Min(UsualHighest, rate / 2.0));
        if (window < 4 || hop < 1)
            throw new BuildException(FormattableString.Invariant(
                $"data.features: a window of {window} samples every {hop} is too short to tell frequencies apart at {rate} Hz; ask for ")
                + "longer ones (windowMilliseconds, hopMilliseconds).");
        if (!(lowest < highest) || highest > rate / 2.0)
            throw new BuildException(FormattableString.Invariant(
                $"data.features: bands from {lowest} to {highest} Hz (lowestHertz, highestHertz) must rise, and sound of {rate} Hz ")
                + FormattableString.Invariant($"has no frequencies above {rate / 2.0}."));
        var mels = spec.Mels ?? UsualMels;
        return new LogMel(rate, window, hop, mels, lowest, highest,
            spec.Kind == FeatureKind.Mfcc ? Math.Min(mels, spec.Coefficients ?? UsualCoefficients) : null);
    }

    /// <summary>Moments of a sample; 0 where it is shorter than the transform.</summary>
    public int Frames(int length) => length < Points ? 0 : (length - Points) / Hop + 1;

    /// <summary>The front end for samples of channels and a length.</summary>
    /// <param name="channels">Channels.</param>
    /// <param name="length">Samples of one of them.</param>
    /// <param name="asSeries">True: the bands of all channels are the channels of a series; false: of a picture, a row a band.</param>
    public FrontEnd For(int channels, int length, bool asSeries)
    {
        var frames = Frames(length);
        var (nodes, constants) = (new List<NodeProto>(), new List<TensorProto>());
        string Constant(TensorProto tensor)
        {
            constants.Add(tensor);
            return tensor.Name;
        }
        NodeProto Node(string operation, string output, params string[] inputs)
        {
            var node = NodeMaker.Node(operation, inputs, [output], output);
            nodes.Add(node);
            return node;
        }
        string Add(string operation, string output, params string[] inputs) => Node(operation, output, inputs).Output[0];
        string Reshaped(string output, string input, params long[] shape)
            => Add("Reshape", output, input, Constant(Tensors.Of($"{output}Shape", shape, shape.Length)));

        var signal = Reshaped("signals", FrontEnd.Input, -1, length, 1);
        var spectrum = Node("STFT", "spectrum", signal, Constant(Tensors.Of("hop", new long[] { Hop })),
                Constant(Tensors.Of("window", Hann(), Points)), Constant(Tensors.Of("points", new long[] { Points })))
            .With("onesided", 1L).Output[0];
        var power = Node("ReduceSum", "power", Add("Mul", "squares", spectrum, spectrum),
            Constant(Tensors.Of("parts", new long[] { -1 }, 1)))
            .With("keepdims", 0L).Output[0];
        var bands = Add("MatMul", "bands", power,
            Constant(Tensors.Of("mels", MelScale.Bands(Mels, Lowest, Highest, Bins, Rate), Bins, Mels)));
        var heard = Add("Log", "loudness", Add("Add", "audible", bands, Constant(Tensors.Of("silence", new[] { (float)Silence }))));
        if (Coefficients is { } kept)
            heard = Add("MatMul", "cepstrum", heard, Constant(Tensors.Of("cosines", Cosines(kept), Mels, kept)));
        var turned = Node("Transpose", "moments", heard).With("perm", [0L, 2, 1]).Output[0];
        int[] shape = asSeries ? [channels * Rows, frames] : [channels, Rows, frames];
        Reshaped(FrontEnd.Output, turned, [-1, .. shape.Select(extent => (long)extent)]);
        return new FrontEnd(ToString(), [channels, length], shape, nodes, constants)
        {
            Metadata = new Dictionary<string, string> { [RateKey] = Rate.ToString(CultureInfo.InvariantCulture) },
        };
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        string Milliseconds(int samples) => (samples * 1000.0 / Rate).ToString("0.#", CultureInfo.InvariantCulture);
        return (Coefficients is { } kept ? $"{kept} cepstral coefficients of " : "logarithms of the power in ") + string.Create(
            CultureInfo.InvariantCulture,
            $"{Mels} mel bands from {Lowest:0} to {Highest:0} Hz, windows of {Milliseconds(Window)} ms every {Milliseconds(Hop)} ms");
    }

    private float[] Hann()
    {
        var window = new float[Points];
        for (var n = 0; n < Window; n++) window[n] = (float)Math.Pow(Math.Sin(Math.PI * n / Window), 2);
        return window;
    }

    // The orthonormal cosine transform (DCT-II): coefficient k of M logarithms.
    private float[] Cosines(int kept)
    {
        var cosines = new float[Mels * kept];
        for (var band = 0; band < Mels; band++)
        {
            for (var k = 0; k < kept; k++)
                cosines[band * kept + k] = (float)(Math.Sqrt((k == 0 ? 1.0 : 2.0) / Mels) * Math.Cos(Math.PI * k * (band + 0.5) / Mels));
        }
        return cosines;
    }
}
