using System.Collections.Frozen;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Schemes;

/// <summary>One way of making a model small.</summary>
internal interface IQuantizationScheme
{
    /// <summary>Name in specs, reports and manifests.</summary>
    string Name { get; }

    /// <summary>Short form of the name, in the names of variants.</summary>
    string Suffix { get; }

    /// <summary>The values whose histograms <see cref="Apply"/> needs, whatever is kept float; none when it needs no samples.</summary>
    IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph);

    /// <summary>What it would quantize, by first output: each can be kept float where it costs too much accuracy.</summary>
    IReadOnlyList<string> OperatorsOf(OnnxGraph graph);

    /// <summary>
    /// Of <see cref="OperatorsOf"/> those that compute in float all the same: their weights are bytes in the file alone.
    /// </summary>
    IReadOnlyList<string> InFloat(OnnxGraph graph) => [];

    /// <summary>Operators that it could quantize and that stay float because somebody asked for that.</summary>
    IReadOnlyList<string> Held(OnnxGraph graph) => [];

    /// <summary>The scheme itself, where this is one that holds layers back.</summary>
    IQuantizationScheme Whole => this;

    /// <summary>True where an activation's scale is taken over a whole batch, so that one sample changes what another becomes.</summary>
    bool RoundsByBatch(OnnxGraph graph) => false;

    /// <summary>
    /// False for a graph on which it would do what another scheme does, or reach hardly any weights, so that nobody need try it.
    /// </summary>
    bool Suits(OnnxGraph graph) => true;

    /// <summary>
    /// Techniques that may make it lose less, in the order in which they are combined; those that measurably do are used.
    /// </summary>
    IReadOnlyList<Technique> Helpers => [];

    /// <summary>
    /// Decibels of signal to noise that it aims at where there are no labels, however much less the budget asks for: an operator
    /// that is kept costs it few bytes and no time. Null for the budget alone.
    /// </summary>
    double? Aim => null;

    /// <summary>
    /// Names schemes that round operators so much alike that the costliest for one are the costliest for all; null for none but this.
    /// </summary>
    string? RoundsAs => null;

    /// <summary>
    /// True where every processor computes the same of it: no product of its integers saturates, and none lies between integer operators.
    /// </summary>
    bool IsAlikeEverywhere => false;

    /// <summary>The numbers that an operator keeps when it is not quantized, in words.</summary>
    string Kept => "float";

    /// <summary>The same of one that somebody asked to leave alone.</summary>
    string KeptOnRequest => Kept;

    /// <summary>
    /// True where weights of operators that are kept may be stored in fewer than 32 bits: nothing but accuracy kept them.
    /// </summary>
    bool KeptMayShrink => false;

    /// <summary>True where those may be bytes that become float when the file is loaded.</summary>
    bool KeptMayBeBytes => KeptMayShrink;

    /// <summary>First outputs of operators that have the bits that a person asked for, however much that costs.</summary>
    /// <exception cref="InvalidDataException">What was named is not of this graph, or has no bits to choose.</exception>
    IReadOnlyCollection<string> InAskedBits(OnnxGraph graph) => [];

    /// <summary>The quantized model.</summary>
    /// <param name="source">The float model and its histograms.</param>
    /// <param name="keptFloat">Operators, of <see cref="OperatorsOf"/>, that stay float.</param>
    ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat);

    /// <summary>Session entries without which its models are not computed as they are meant, whoever loads them.</summary>
    IReadOnlyDictionary<string, string> Needs => FrozenDictionary<string, string>.Empty;

    /// <summary>
    /// What a device must set to run its models as they are meant: the settings of the profile, with what the form itself needs.
    /// </summary>
    RuntimeSettings Runtime(RuntimeSettings ofProfile) => new NeededSettings(Needs).Over(ofProfile);

    /// <summary>What it does beside rounding, in words for reports, such as <c>bias correction</c>.</summary>
    IReadOnlyList<string> Techniques => [];

    /// <summary>
    /// True when weights are meant to be dequantized at run time, so that a float operator beside them is not a failed fusion.
    /// </summary>
    bool DequantizesWeights => false;

    /// <summary>True when everything computes in float, with weights made so when the file is loaded: it cannot be faster.</summary>
    bool ComputesInFloat => false;

    /// <summary>The blocks in which weights of matrix products are rounded; null where they are not rounded in blocks.</summary>
    BlockForm? Blocks => null;

    /// <summary>True when its weights have four bits or fewer, which few kernels compute with.</summary>
    bool IsFourBit => false;
}
