using Fleet.Contracts.Builds;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Variants;

/// <summary>The float model of which variants are made, and what they are made and judged with.</summary>
/// <param name="ModelPath">The float model.</param>
/// <param name="Calibration">Samples that fix the ranges of activations; null leaves only schemes that need none.</param>
/// <param name="HeldOut">Samples that judge.</param>
/// <param name="Settings">Profiles, schemes, limits, goal.</param>
/// <param name="OutputFolder">Where the files <c>ID.onnx</c> go.</param>
internal sealed record VariantRequest(
    string ModelPath, IFeedSource? Calibration, HeldOut HeldOut, VariantSettings Settings, string OutputFolder)
{
    /// <summary>Decisions that are taken as they were; null: they are made anew.</summary>
    public FixedChoices? Fixed { get; init; }

    /// <summary>What a variant must be better than, whatever it may lose; null where nothing is.</summary>
    public ConstantAnswer? Constant { get; init; }

    /// <summary>The threshold of what is told apart by one inside the graph; null for a variant to keep the float model's.</summary>
    public OwnThreshold? Threshold { get; init; }

    /// <summary>What devices measured of other networks, which corrects estimates; empty where nobody knows of any.</summary>
    public IReadOnlyList<MeasuredForm> Measured { get; init; } = [];

    /// <summary>When no further variant begins, and the search for each takes the best so far.</summary>
    public Deadline Deadline { get; init; } = Deadline.None;

    /// <summary>The quantized model that the float one was made of; null where a float model was given.</summary>
    public string? QuantizedPath { get; init; }

    /// <summary>Most bytes of one file; what is larger has its weights in another.</summary>
    public long LargestFile { get; init; } = OnnxFile.MaximumBytes;
}

/// <summary>One answer for everything, which a variant that is of use is told to be better than.</summary>
/// <param name="LeastGain">
/// The lower end of what the float model gains over it, in the metric's unit: a variant that loses less was asked about with that.
/// </param>
/// <param name="ObjectionTo">What speaks against a model beside it, in a sentence; null where nothing does.</param>
internal sealed record ConstantAnswer(double LeastGain, Func<InferenceSession, string?> ObjectionTo);
