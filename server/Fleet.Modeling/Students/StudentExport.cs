using System.Globalization;
using System.Text.Json;
using Fleet.Contracts.Inputs;
using Fleet.Modeling.FrontEnds;
using Fleet.Modeling.Students.Layers;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Modeling.Students;

/// <summary>
/// Writes a trained network as ONNX: batch normalization and the input's scale are in the weights already, a mean that is
/// worth an operator is a <c>Sub</c> in front, and before it the front end of the data, if any. Opset 17 and IR 8: everything
/// it uses is there, and runtimes on devices that are a few years behind still read it.
/// </summary>
internal static class StudentExport
{
    /// <summary>Name of the input: values as the sensor gives them, or numbers of tokens; the batch first.</summary>
    public const string Input = StudentGraph.Input;

    /// <summary>
    /// Metadata of a file: this and a feature's name is the key of the graph value that holds it and of the shape of one sample of it.
    /// </summary>
    public const string FeatureKey = "fleet.feature.";

    private const int Opset = 17;
    private const int IrVersion = 8;

    /// <summary>Makes the model of a network.</summary>
    public static ModelProto Model(NetworkPlan plan, Normalization normalization, IReadOnlyList<FoldedLayer> layers)
    {
        long[] perChannel = [1, normalization.Mean.Length, .. plan.InputShape.Skip(1).Select(_ => 1L)];
        var graph = new StudentGraph(plan.Description, plan.Vocabulary is not null, plan.GivenShape, plan.Outputs());
        var value = plan.FrontEnd?.Write(graph.Graph) ?? Input;
        if (normalization.Mean.Any(mean => mean != 0))
            value = graph.Add("Sub", "centered", value, graph.Constant(Tensors.Of("mean", normalization.Mean, perChannel)));
        if (normalization.ScalesApart)
            value = graph.Add("Mul", "standardized", value, graph.Constant(Tensors.Of("scale", normalization.Scale, perChannel)));
        var first = value;
        graph.Standardized = () => normalization.ScalesApart ? first : graph.Once("deviations", () => graph.Add("Div", "deviations", first,
            graph.Constant(Tensors.Of("deviation", [.. normalization.Scale.Select(scale => 1 / scale)], perChannel))));
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "fleet-modeling", Graph = graph.Graph };
        if (plan.FrontEnd is { } frontEnd)
        {
            FrontEndMark.Mark(model, FrontEnd.Output);
            foreach (var (key, known) in frontEnd.Metadata) AddMetadata(model, key, known);
        }
        foreach (var (place, (folded, step)) in layers.Zip(plan.Walk()).Index())
        {
            value = folded.Layer.Export(graph, new LayerExport(folded, step.Input, $"{place + 1}", value));
            foreach (var (name, shown) in Shown(folded.Layer, step.Input, place, value))
                AddMetadata(model, FeatureKey + name, $"{shown} {string.Join("x", step.Output)}");
        }
        model.Declare("", Opset);
        if (plan.Vocabulary is { } vocabulary)
        {
            AddMetadata(model, Vocabulary.Key, JsonSerializer.Serialize(vocabulary.Pieces));
            AddMetadata(model, Vocabulary.LengthKey, plan.InputShape[0].ToString(CultureInfo.InvariantCulture));
            AddMetadata(model, Vocabulary.RuleKey, Vocabulary.Description);
        }
        if (plan.Head is Reconstruction score) AddMetadata(model, Reconstruction.ThresholdKey, score.ThresholdText);
        if (plan.InputForm is { } form) AddMetadata(model, InputForm.Key, form.Write());
        return model;
    }

    // Whoever takes the file as a teacher can ask for its layers by the names they were trained under. A part has the shape of
    // the layer's output here: tokens of all samples are rows of one matrix.
    private static IEnumerable<(string Name, string Value)> Shown(Layer layer, IReadOnlyList<int> input, int place, string value)
        => layer.Parts(input).Select(part => ($"{NetworkPlan.FeatureName(place)}.{part.Name}", $"{part.Name}{place + 1}"))
            .Prepend((NetworkPlan.FeatureName(place), value));

    private static void AddMetadata(ModelProto model, string key, string value)
        => model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
}
