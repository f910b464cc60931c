using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Requantization;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Inspection;

/// <summary>
/// Runs a variant and its float model side by side and compares the values that both have. A value that is shown is a float, which the
/// runtime fuses with nothing behind it: what an integer kernel adds to rounding is not seen.
/// </summary>
internal sealed class VariantInspection
{
    /// <summary>Values that are compared in one pass over the samples: memory holds those of one sample.</summary>
    private const int ValuesAtOnce = 24;

    private static readonly HashSet<string> None = [];

    private readonly InspectionRequest _request;
    private readonly IProgress<BuildProgress> _progress;
    private readonly CancellationToken _cancellationToken;
    private readonly ModelProto _model, _variant;
    private readonly OnnxGraph _variantGraph;
    private readonly IReadOnlyList<RoundedLayer> _layers;
    private readonly int _others;
    private readonly HashSet<string> _halves;
    private readonly string _reference;
    private readonly string[] _requantized;
    private readonly IFeedSource _samples;
    private readonly Preprocessing? _preprocessing;

    private VariantInspection(
        InspectionRequest request, string scratch, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        (_request, _progress, _cancellationToken) = (request, progress, cancellationToken);
        var source = RecordedSource.Completed(request.Variant);
        foreach (var file in (string[])[source.Onnx, request.Reference])
        {
            if (!File.Exists(file)) throw new InvalidDataException($"{file} does not exist.");
        }
        progress.Report(new BuildProgress("Reading the models", 0));
        _variant = PreparedModel.Read(source.Onnx);
        ValueTypes.InferInto(_variant);
        (_reference, _requantized) = FloatOf(request.Reference, scratch);
        var prepared = PreparedModel.From(_reference, scratch);
        _model = prepared.Model;
        _variantGraph = HalfNames.Restored(new OnnxGraph(_variant), prepared.Graph);
        var (variant, reference) = (Path.GetFileName(source.Onnx), Path.GetFileName(request.Reference));
        if (ModelPair.DifferenceOf(_model.Graph, _variant.Graph) is { } difference)
            throw new InvalidDataException(
                $"{variant} was not made of {reference}: {difference}. Give the float model that it was made of.");
        (_layers, _others) = RoundedLayer.Of(prepared.Graph, _variantGraph);
        if (_layers.Count == 0) throw new InvalidDataException($"{variant} has nothing to list: {ModelPair.NothingIn(_variant)}.");
        _halves = [
            .. _variantGraph.Names.Where(name => _variantGraph.TypeOf(name)?.TensorType?.ElemType is (int)DataType.Float16),
        ];
        using var session = OnnxRuntimeSession.Open(source.Onnx);
        var inputs = ModelInput.WithTables(ModelInput.Of(session), _model);
        var state = ModelState.Of(session, inputs, source.State ?? []);
        var samples = ModelSamples.Read(source.Validation, inputs, state, Quantizer.ValidationSeed, source.ValidationLabels,
            SyntheticShapes.For(source, session, inputs, state), source.Task, source);
        ModelSamples.RefuseUnheeded(request.Variant.Preprocessing, samples);
        (_samples, _preprocessing) = (new SpreadFeeds(samples.Feeds, request.Samples), samples.Preprocessing);
    }

    /// <summary>The float model: the given file or, where that is quantized itself, what is made of it, which is said.</summary>
    private static (string Path, string[] Said) FloatOf(string reference, string scratch)
    {
        if (QuantizedForm.Of(PreparedModel.Read(reference)) is not { } form) return (reference, []);
        var path = Path.Combine(scratch, "requantized.onnx");
        FloatFile.Write(reference, path, OnnxFile.MaximumBytes);
        return (path, [
            $"{Path.GetFileName(reference)} is quantized itself ({form}) and was made float first, as --requantize of 'quantize' does.",
        ]);
    }

    /// <summary>Inspects the variant of a request.</summary>
    /// <exception cref="InvalidDataException">A model or the samples cannot be used, or the two models have nothing in common.</exception>
    public static InspectionReport Run(
        InspectionRequest request, IProgress<BuildProgress> progress, CancellationToken cancellationToken)
    {
        var scratch = Directory.CreateTempSubdirectory("fleet-inspect-").FullName;
        try
        {
            return new VariantInspection(request, scratch, progress, cancellationToken).Run();
        }
        catch (OnnxRuntimeException e)
        {
            throw new InvalidDataException($"{Path.GetFileName(request.Variant.Onnx)} and {Path.GetFileName(request.Reference)} do not run "
                + $"on the same samples ({RuntimeRefusal.Of(e)}): give the float model that the variant was made of.", e);
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private InspectionReport Run()
    {
        // What layers read is compared as well: a layer alone reads it in the variant's scale.
        var convolutions = _layers.Where(layer => layer.IsConvolution).Select(layer => layer.Value).ToHashSet();
        var compared = _layers.Select(layer => (layer.Value, layer.Rounded))
            .Concat(_layers.SelectMany(layer => layer.Read).Select(value => (value, RoundedLayer.RoundedOf(_variantGraph, value))))
            .DistinctBy(pair => pair.Item1).Where(pair => IsFloat(pair.Item2) && !_variantGraph.IsInput(pair.Item1)).ToArray();
        var sums = compared.ToDictionary(pair => pair.Item1, pair => new ChannelSums(convolutions.Contains(pair.Item1)));
        var ranges = _layers.Where(layer => layer.Range is not null).DistinctBy(layer => layer.Value)
            .ToDictionary(layer => layer.Value, layer => layer.Range!.Value);
        var (cut, seen) = (new Dictionary<string, long>(), new Dictionary<string, long>());
        foreach (var (number, some) in compared.Chunk(ValuesAtOnce).Index())
        {
            Say("comparing layers", number * ValuesAtOnce, compared.Length, 0.05, 0.5);
            Compare(
                ObservedModels.Showing(_model, some.Select(pair => pair.Item1), None),
                [.. some.Select(pair => pair.Item1)],
                ObservedModels.Showing(_variant, some.Select(pair => pair.Item2), _halves),
                [.. some.Select(pair => ObservedModels.NameOf(pair.Item2, _halves))],
                (i, values, others, shape) =>
                {
                    var value = some[i].Item1;
                    sums[value].Add(values, others, shape);
                    if (!ranges.TryGetValue(value, out var range)) return;
                    seen[value] = seen.GetValueOrDefault(value) + values.Length;
                    // Half a step beyond the ends is rounding as anywhere else.
                    foreach (var one in values)
                    {
                        if (one < range.Low - range.Step / 2 || one > range.High + range.Step / 2)
                            cut[value] = cut.GetValueOrDefault(value) + 1;
                    }
                });
        }
        var scales = sums.Where(pair => pair.Value.Scales() is not null).ToDictionary(pair => pair.Key,
            pair => Tensors.Of("", pair.Value.Scales()!,
                [pair.Value.Largest.Count, .. Enumerable.Repeat(1L, pair.Value.AxesBehind)]));
        var alone = Alone(scales);
        return new InspectionReport
        {
            Variant = Path.GetFileName(_request.Variant.Onnx),
            Reference = Path.GetFileName(_request.Reference),
            Samples = new SampleSource(_request.Variant.Validation, _samples.Count) { Preprocessing = _preprocessing },
            SignalToNoise = OfOutputs(),
            Settings = [.. _requantized, .. NeededSettings.In(_variant).InWords()],
            Layers = [
                .. _layers.Where(layer => sums.ContainsKey(layer.Value)).Select(layer => Figures(
                    layer, sums[layer.Value], alone.TryGetValue(layer, out var own) ? own : null, scales.ContainsKey(layer.Value),
                    layer.Range is null ? null : cut.GetValueOrDefault(layer.Value) / (double)seen[layer.Value])),
            ],
            NotCompared = _others + _layers.Count(layer => !sums.ContainsKey(layer.Value)),
        };
    }

    /// <summary>Decibels of each layer that reads what the float model computes; those that cannot be run so are left out.</summary>
    private Dictionary<RoundedLayer, double> Alone(Dictionary<string, TensorProto> scales)
    {
        var alone = new Dictionary<RoundedLayer, double>();
        // A layer that reads 16-bit values would be given 32-bit ones.
        var runnable = _layers.Where(layer => IsFloat(layer.Rounded) && !_halves.Contains(layer.Rounded)
            && layer.Read.All(value => !_halves.Contains(value))).ToArray();
        foreach (var (number, some) in runnable.Chunk(ValuesAtOnce).Index())
        {
            Say("running layers alone", number * ValuesAtOnce, runnable.Length, 0.5, 0.95);
            var sums = some.Select(layer => new ChannelSums(layer.IsConvolution)).ToArray();
            var (both, outputs) = ObservedModels.Alone(_model, _variantGraph, some, scales);
            var shown = ObservedModels.Showing(both, some.Select(layer => layer.Value), None);
            Compare(shown, [.. some.Select(layer => layer.Value)], null, outputs,
                (i, values, others, shape) => sums[i].Add(values, others, shape));
            foreach (var (layer, sum) in some.Zip(sums)) alone[layer] = sum.Decibels(scales.ContainsKey(layer.Value));
        }
        return alone;
    }

    /// <summary>Shows values of two models on every sample; of one model where <paramref name="second"/> is null.</summary>
    private void Compare(
        ModelProto first, string[] values, ModelProto? second, IReadOnlyList<string> others, Comparison see)
    {
        using var session = OnnxRuntimeSession.Open(first, "the float model");
        using var other = second is null ? null : OnnxRuntimeSession.Open(second, "the variant");
        using var options = new RunOptions();
        // Each model carries its own state through a pass of its own.
        foreach (var (feed, feedOfOther) in _samples.Batches(1).Zip(other is null ? Nothing() : _samples.Batches(1)))
        {
            using (feed)
            using (feedOfOther)
            {
                _cancellationToken.ThrowIfCancellationRequested();
                string[] asked = other is null ? [.. values, .. others] : values;
                using var results = feed.Run(session, options, [.. asked.Distinct()]);
                using var resultsOfOther = other is null ? null : feedOfOther!.Run(other, options, [.. others.Distinct()]);
                if (feed.IsForState) continue;
                var (found, foundInOther) = (ByName(asked, results), other is null ? null : ByName(others, resultsOfOther!));
                for (var i = 0; i < values.Length; i++)
                {
                    var (one, two) = (found[values[i]], (foundInOther ?? found)[others[i]]);
                    var (ofModel, ofVariant) = (one.GetTensorTypeAndShape(), two.GetTensorTypeAndShape());
                    if (ofModel.ElementDataType != ofVariant.ElementDataType || ofModel.ElementCount != ofVariant.ElementCount)
                        throw new InvalidDataException($"Value '{values[i]}' is {InWords(ofModel)} in the float model and "
                            + $"{InWords(ofVariant)} in the variant: give the float model that it was made of.");
                    see(i, one.GetTensorDataAsSpan<float>(), two.GetTensorDataAsSpan<float>(), ofModel.Shape);
                }
            }
        }
    }

    private static string InWords(OrtTensorTypeAndShapeInfo value)
        => $"{value.ElementDataType.ToString().ToLowerInvariant()} ({string.Join(", ", value.Shape)})";

    private static IEnumerable<Feed?> Nothing()
    {
        while (true) yield return null;
    }

    private static Dictionary<string, OrtValue> ByName(IEnumerable<string> asked, IReadOnlyCollection<OrtValue> results)
        => asked.Distinct().Zip(results).ToDictionary();

    private double OfOutputs()
    {
        using var session = OnnxRuntimeSession.Open(_reference);
        using var variant = OnnxRuntimeSession.Open(_request.Variant.Onnx);
        return AllOutputs.Of(variant, _samples, _cancellationToken)
            .Against(AllOutputs.Of(session, _samples, _cancellationToken)).SignalToNoise;
    }

    private bool IsFloat(string value)
        => _variantGraph.TypeOf(value)?.TensorType?.ElemType is (int)DataType.Float or (int)DataType.Float16;

    private static LayerInspection Figures(RoundedLayer layer, ChannelSums sums, double? alone, bool rescaled, double? saturated)
    {
        double[] largest = [.. sums.Largest.Order()];
        var median = largest.Length == 0 ? 0 : largest[largest.Length / 2];
        var most = sums.Largest.Index().MaxBy(channel => channel.Item);
        return new LayerInspection
        {
            Layer = layer.Title,
            Operator = layer.Operator,
            Weights = layer.Weights,
            Activations = layer.Activations,
            Alone = alone,
            Cumulative = sums.Decibels(rescaled),
            Minimum = sums.Minimum,
            Maximum = sums.Maximum,
            Lowest = layer.Range?.Low,
            Highest = layer.Range?.High,
            Saturated = saturated,
            Channels = largest.Length,
            OutlierChannels = median > 0 ? largest.Count(one => one > LayerInspection.OutlierFactor * median) : 0,
            LargestChannel = median > 0 ? most.Index : null,
            LargestFactor = median > 0 ? most.Item / median : null,
            Rescaled = rescaled,
        };
    }

    private void Say(string what, int number, int of, double from, double to)
        => _progress.Report(new BuildProgress(string.Create(CultureInfo.InvariantCulture, $"{what}, {number} of {of}"),
            from + (to - from) * number / Math.Max(1, of)));

    /// <summary>Sees the values of one place in both models.</summary>
    private delegate void Comparison(int place, ReadOnlySpan<float> values, ReadOnlySpan<float> others, ReadOnlySpan<long> shape);
}
