using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Weights;

namespace Fleet.Quantization.Schemes;

/// <summary>
/// A scheme that leaves layers alone which a person named, which nothing could judge, or which make features of what an application gives:
/// whatever else is returned to float, they are.
/// </summary>
/// <param name="scheme">The scheme.</param>
/// <param name="layers">What was named; null for nothing.</param>
/// <param name="unnamed">First outputs of what stays float though nobody named it.</param>
internal sealed class HeldScheme(IQuantizationScheme scheme, NamedLayers? layers, IReadOnlySet<string> unnamed) : IQuantizationScheme
{
    /// <summary>
    /// The scheme as it may be applied: by itself where nothing holds it back. Static int8, whose steps are fixed by samples, leaves what
    /// no sample reaches alone; every scheme leaves a front end alone (<see cref="FrontEndMark"/>).
    /// </summary>
    public static IQuantizationScheme Of(
        IQuantizationScheme scheme, OnnxGraph graph, NamedLayers? layers, IReadOnlyList<UnreachedBranch> unreached)
    {
        if (layers is not null && scheme.InAskedBits(graph).FirstOrDefault(output => !layers.MayChange(output)) is { } both)
            throw new InvalidDataException($"'{graph.ProducerOf(both)!.Title()}' stays float by --keep or --only (in a build spec "
                + "quantization.keep and only) and has bits by --bits (quantization.bits); name it in one of them.");
        var unnamed = graph.FrontEnd.ToHashSet();
        if (scheme is StaticInt8Scheme) unnamed.UnionWith(unreached.SelectMany(branch => branch.Values));
        return layers is null && !(unnamed.Count > 0 && scheme.OperatorsOf(graph).Any(unnamed.Contains))
            ? scheme : new HeldScheme(scheme, layers, unnamed);
    }

    /// <inheritdoc/>
    public string Name => scheme.Name;

    /// <inheritdoc/>
    public string Suffix => scheme.Suffix;

    /// <inheritdoc/>
    public IQuantizationScheme Whole => scheme;

    /// <inheritdoc/>
    public string? RoundsAs => scheme.RoundsAs;

    /// <inheritdoc/>
    public bool IsAlikeEverywhere => scheme.IsAlikeEverywhere;

    /// <inheritdoc/>
    public BlockForm? Blocks => scheme.Blocks;

    /// <inheritdoc/>
    public IReadOnlyList<Technique> Helpers => scheme.Helpers;

    /// <inheritdoc/>
    public double? Aim => scheme.Aim;

    /// <inheritdoc/>
    public string Kept => scheme.Kept;

    /// <inheritdoc/>
    public string KeptOnRequest => scheme.KeptOnRequest;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Needs => scheme.Needs;

    /// <inheritdoc/>
    public IReadOnlyList<string> Techniques => scheme.Techniques;

    /// <inheritdoc/>
    public bool DequantizesWeights => scheme.DequantizesWeights;

    /// <inheritdoc/>
    public bool ComputesInFloat => scheme.ComputesInFloat;

    /// <inheritdoc/>
    public bool IsFourBit => scheme.IsFourBit;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> CalibratedValues(OnnxGraph graph) => scheme.CalibratedValues(graph);

    /// <inheritdoc/>
    public IReadOnlyList<string> OperatorsOf(OnnxGraph graph) => [.. scheme.OperatorsOf(graph).Where(MayChange)];

    /// <inheritdoc/>
    public IReadOnlyCollection<string> InAskedBits(OnnxGraph graph) => scheme.InAskedBits(graph);

    /// <inheritdoc/>
    public IReadOnlyList<string> InFloat(OnnxGraph graph) => [.. scheme.InFloat(graph).Where(MayChange)];

    /// <inheritdoc/>
    public IReadOnlyList<string> Held(OnnxGraph graph) => [
        .. scheme.OperatorsOf(graph).Where(output => layers?.MayChange(output) == false),
    ];

    /// <inheritdoc/>
    public bool RoundsByBatch(OnnxGraph graph) => scheme.RoundsByBatch(graph);

    /// <inheritdoc/>
    public bool Suits(OnnxGraph graph) => scheme.Suits(graph);

    /// <inheritdoc/>
    public ModelProto Apply(QuantizationSource source, IReadOnlySet<string> keptFloat)
    {
        var held = unnamed.Concat(layers?.Kept ?? unnamed).Concat(Held(source.Model.Graph)).ToHashSet();
        return scheme.Apply(source with { Held = source.Held.Union(held).ToHashSet() }, keptFloat.Union(held).ToHashSet());
    }

    /// <inheritdoc/>
    /// <remarks>Who keeps a layer float wants its weights as they are.</remarks>
    public bool KeptMayShrink => false;

    /// <inheritdoc/>
    public bool KeptMayBeBytes => false;

    /// <inheritdoc/>
    public RuntimeSettings Runtime(RuntimeSettings ofProfile) => scheme.Runtime(ofProfile);

    private bool MayChange(string output) => layers?.MayChange(output) != false && !unnamed.Contains(output);
}
