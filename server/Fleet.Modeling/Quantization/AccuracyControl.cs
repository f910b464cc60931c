using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Google.Protobuf;

namespace Fleet.Modeling.Quantization;

/// <summary>An operator that was returned to float, and by how many decibels that alone cleaned the output.</summary>
/// <param name="Operator">Name of the node.</param>
/// <param name="Gain">Decibels of signal to noise won against the float model.</param>
internal sealed record ReturnedOperator(string Operator, double Gain);

/// <summary>A quantized model and what it took to keep it accurate.</summary>
/// <param name="Model">The model.</param>
/// <param name="Drop">Accuracy lost against the float model; negative when it gained.</param>
/// <param name="Returned">Operators that stayed float, the worst first.</param>
internal sealed record ControlledModel(ModelProto Model, double Drop, IReadOnlyList<ReturnedOperator> Returned);

/// <summary>
/// Keeps the accuracy drop within a budget: ranks the quantized operators by how much each one alone, returned to float, cleans
/// the output, then returns them worst first until the drop is small enough (the method of NNCF's quantization with accuracy
/// control). The ranking needs no labels; the drop is judged by the caller.
/// </summary>
internal sealed class AccuracyControl(IQuantizationScheme scheme, QuantizationSource source, IFeedSource rankingSamples)
{
    /// <summary>Share of the operators that may return to float; past it the scheme does not suit the model.</summary>
    private const double MaximumShare = 0.5;

    /// <summary>Quantizes with as many operators as the budget allows.</summary>
    /// <param name="maximumDrop">The budget.</param>
    /// <param name="dropOf">Measures the drop of a model.</param>
    /// <param name="cancellationToken">Stops between models.</param>
    public ControlledModel Quantize(double maximumDrop, Func<ModelProto, double> dropOf, CancellationToken cancellationToken)
    {
        var model = scheme.Apply(source, new HashSet<string>());
        var drop = dropOf(model);
        if (drop <= maximumDrop) return new ControlledModel(model, drop, []);

        var best = new ControlledModel(model, drop, []);
        var kept = new HashSet<string>();
        var returned = new List<ReturnedOperator>();
        var ranking = Rank(model, cancellationToken);
        foreach (var (output, gain) in ranking.Take((int)Math.Ceiling(ranking.Count * MaximumShare)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            kept.Add(output);
            returned.Add(new ReturnedOperator(source.Model.Graph.ProducerOf(output)!.Title(), gain));
            model = scheme.Apply(source, kept);
            drop = dropOf(model);
            // Each step is kept on the way, so that what misses the budget is reported at its best.
            if (drop < best.Drop) best = new ControlledModel(model, drop, [.. returned]);
            if (drop <= maximumDrop) break;
        }
        return best;
    }

    /// <summary>The operators by first output, those whose return to float cleans the output most at the front.</summary>
    private List<(string Output, double Gain)> Rank(ModelProto quantized, CancellationToken cancellationToken)
    {
        var reference = OutputsOf(source.Model.Model, cancellationToken);
        var all = Noise(quantized, reference, cancellationToken);
        return [.. scheme.OperatorsOf(source.Model.Graph)
            .Select(output => (Output: output, Gain: Noise(scheme.Apply(source, new HashSet<string> { output }), reference, cancellationToken) - all))
            .OrderByDescending(pair => pair.Gain)];
    }

    private double Noise(ModelProto model, float[] reference, CancellationToken cancellationToken)
        => Judgement.SignalToNoise(OutputsOf(model, cancellationToken), reference);

    private float[] OutputsOf(ModelProto model, CancellationToken cancellationToken)
    {
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), scheme.Name);
        return ModelOutputs.Of(session, rankingSamples, cancellationToken).Values;
    }
}
