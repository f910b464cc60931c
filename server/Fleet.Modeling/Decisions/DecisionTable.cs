using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;

namespace Fleet.Modeling.Decisions;

/// <summary>What networks and variants do with each class, on the same samples.</summary>
/// <param name="data">The samples.</param>
internal sealed class DecisionTable(DataSet data)
{
    /// <summary>Of a network that has answered the test samples.</summary>
    /// <param name="answers">Its answers to them, row by row.</param>
    /// <param name="network">Answers others.</param>
    public DecisionReport? Of(float[] answers, Func<SampleSet, float[]> network) => data.Test.Labels is ClassLabels
        ? DecisionFigures.Of(data.Test, answers, data.Validation, data.Validation.Count == 0 ? [] : network(data.Validation),
            DecisionFigures.RarestOf(data.Training, data.Classes.Count))
        : null;

    /// <summary>Of a model in a file.</summary>
    public DecisionReport? Of(string path, CancellationToken cancellationToken, RuntimeSettings? settings = null)
    {
        if (data.Test.Labels is not ClassLabels) return null;
        using var session = OnnxRuntimeSession.Open(path, settings);
        float[] Answers(SampleSet samples)
            => ModelOutputs.Of(session, samples.Given().Feeds(session.InputNames[0]), cancellationToken).Values;
        return Of(Answers(data.Test), Answers);
    }
}
