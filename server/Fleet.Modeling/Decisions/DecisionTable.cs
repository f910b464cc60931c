using Fleet.Contracts.Builds;
using Fleet.Contracts.Devices;
using Fleet.Modeling.Data;
using Fleet.Modeling.Teachers;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;

namespace Fleet.Modeling.Decisions;

/// <summary>What networks and variants do with each class, on the same samples.</summary>
/// <param name="data">The samples.</param>
internal sealed class DecisionTable(DataSet data)
{
    /// <summary>Of the teacher.</summary>
    public DecisionReport? Of(ITeacherModel teacher, CancellationToken cancellationToken)
        => Of(samples => teacher.Outputs(samples, cancellationToken));

    /// <summary>Of a model in a file.</summary>
    public DecisionReport? Of(string path, CancellationToken cancellationToken, RuntimeSettings? settings = null)
    {
        if (data.Test.Labels is not ClassLabels) return null;
        using var session = OnnxRuntimeSession.Open(path, settings);
        return Of(samples => ModelOutputs.Of(session, samples.Feeds(session.InputNames[0]), cancellationToken).Values);
    }

    /// <summary>Samples of each class by use; empty where there are no classes.</summary>
    public static IReadOnlyList<ClassCount> Counts(DataSet data)
    {
        if (data.Training.Labels is not ClassLabels) return [];
        int[] Of(SampleSet part)
        {
            var counts = new int[data.Classes.Count];
            foreach (var number in part.ClassNumbers) counts[number]++;
            return counts;
        }
        var (training, validation, test) = (Of(data.Training), Of(data.Validation), Of(data.Test));
        return [.. training.Select((count, number) => new ClassCount(data.Classes[number], count, validation[number], test[number]))];
    }

    private DecisionReport? Of(Func<SampleSet, float[]> answers) => data.Test.Labels is ClassLabels
        ? DecisionFigures.Of(data.Test, answers(data.Test), data.Validation, data.Validation.Count == 0 ? [] : answers(data.Validation))
        : null;
}
