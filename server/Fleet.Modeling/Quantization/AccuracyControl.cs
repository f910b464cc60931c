using Fleet.Modeling.Evaluation;
using Fleet.Modeling.Onnx;
using Fleet.Modeling.Onnx.Protos;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Quantization;

/// <summary>An operator, and by how many decibels its return to float alone cleans the output.</summary>
/// <param name="Output">First output of the node.</param>
/// <param name="Gain">Decibels of signal to noise won against the float model.</param>
internal sealed record RankedOperator(string Output, double Gain);

/// <summary>An operator that was returned to float.</summary>
/// <param name="Output">First output of the node.</param>
/// <param name="Gain">Decibels that its return alone wins.</param>
/// <param name="Won">What its return, after those before it, took off the drop.</param>
internal sealed record ReturnedOperator(string Output, double Gain, double Won);

/// <summary>A quantized model and what it took to keep it accurate.</summary>
/// <param name="Model">The model.</param>
/// <param name="Drop">Accuracy lost against the float model; negative when it gained.</param>
/// <param name="Calibrator">The calibrator that chose its ranges.</param>
/// <param name="Returned">Operators that stayed float, the worst first.</param>
internal sealed record ControlledModel(ModelProto Model, double Drop, ICalibrator Calibrator, IReadOnlyList<ReturnedOperator> Returned)
{
    /// <summary>Every operator that was quantized at first, the costliest first; empty where the budget was met without ranking.</summary>
    public IReadOnlyList<RankedOperator> Ranking { get; init; } = [];
}

/// <summary>
/// Keeps the accuracy drop within a budget. First the other calibrators are tried, which costs nothing at run time; then the
/// quantized operators are ranked by how much each one alone, returned to float, cleans the output, and returned worst first
/// until the drop is small enough (the method of NNCF's quantization with accuracy control). The ranking needs no labels; the
/// drop is judged by the caller.
/// </summary>
/// <param name="scheme">Makes the model.</param>
/// <param name="source">The float model and its histograms.</param>
/// <param name="outputsOf">What a model says of the samples that rank.</param>
internal sealed class AccuracyControl(IQuantizationScheme scheme, QuantizationSource source, Func<InferenceSession, float[]> outputsOf)
{
    /// <summary>Share of the operators that may return to float; past it the scheme does not suit the model.</summary>
    private const double MaximumShare = 0.5;

    private static readonly IReadOnlySet<string> None = new HashSet<string>();

    /// <summary>Quantizes with as many operators as the budget allows.</summary>
    /// <param name="maximumDrop">The budget.</param>
    /// <param name="dropOf">Measures the drop of a model.</param>
    /// <param name="cancellationToken">Stops between models.</param>
    public ControlledModel Quantize(double maximumDrop, Func<ModelProto, double> dropOf, CancellationToken cancellationToken)
    {
        ControlledModel Attempt(QuantizationSource from, IReadOnlySet<string> keptFloat, IReadOnlyList<ReturnedOperator> returned)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var model = scheme.Apply(from, keptFloat);
            return new ControlledModel(model, dropOf(model), from.Calibrator, returned);
        }

        var best = Attempt(source, None, []);
        if (best.Drop <= maximumDrop) return best;
        if (scheme.CalibratedValues(source.Model.Graph).Count > 0)
        {
            foreach (var calibrator in Calibrators.All.Where(calibrator => calibrator != source.Calibrator))
            {
                var attempt = Attempt(source with { Calibrator = calibrator }, None, []);
                if (attempt.Drop < best.Drop) best = attempt;
                if (best.Drop <= maximumDrop) return best;
            }
        }

        var chosen = source with { Calibrator = best.Calibrator };
        var kept = new HashSet<string>();
        var returned = new List<ReturnedOperator>();
        var ranking = Rank(chosen, best.Model);
        var last = best.Drop;
        foreach (var (output, gain) in ranking.Take((int)Math.Ceiling(ranking.Count * MaximumShare)))
        {
            kept.Add(output);
            var attempt = Attempt(chosen, kept, []);
            returned.Add(new ReturnedOperator(output, gain, last - attempt.Drop));
            last = attempt.Drop;
            // Each step is kept on the way, so that what misses the budget is reported at its best.
            if (attempt.Drop < best.Drop) best = attempt with { Returned = [.. returned] };
            if (best.Drop <= maximumDrop) break;
        }
        return best with { Ranking = ranking };
    }

    /// <summary>The operators by first output, those whose return to float cleans the output most at the front.</summary>
    private List<RankedOperator> Rank(QuantizationSource from, ModelProto quantized)
    {
        var reference = OutputsOf(from.Model.Model);
        double Noise(ModelProto model) => Judgement.SignalToNoise(OutputsOf(model), reference);
        var all = Noise(quantized);
        return [.. scheme.OperatorsOf(from.Model.Graph)
            .Select(output => new RankedOperator(output, Noise(scheme.Apply(from, new HashSet<string> { output })) - all))
            .OrderByDescending(ranked => ranked.Gain)];
    }

    private float[] OutputsOf(ModelProto model)
    {
        using var session = OnnxRuntimeSession.Open(model.ToByteArray(), scheme.Name);
        return outputsOf(session);
    }
}
