using Fleet.Contracts.Scoring;
using Fleet.Contracts.Tasks;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Agent.Inference;

/// <summary>The part that counts what the model answered.</summary>
internal sealed partial class LoadedModel
{
    private void Count(TimeSpan latency, IReadOnlyList<OrtValue> outputs, List<string> names)
    {
        var tallied = TalliedOutputs.Select(name => outputs[names.IndexOf(name)]).ToArray();
        switch (Description.Tally())
        {
            case OutputTally.Values when tallied is [var values, ..]:
                Tally.AddValues(latency, Datatypes.Singles(values), ColumnsOf(values.GetTensorTypeAndShape().Shape));
                break;
            case OutputTally.Boxes when tallied.Length > 1:
                Tally.AddBoxes(latency, BoxesOf(Description.Detection ?? new DetectionForm(), tallied));
                break;
            default:
                Tally.Add(latency, tallied is [var scores, ..] ? Datatypes.Singles(scores) : default);
                break;
        }
    }

    /// <summary>The boxes that the model is sure of, sample by sample; none where its outputs do not have their form.</summary>
    private static List<IReadOnlyList<DetectedBox>> BoxesOf(DetectionForm form, OrtValue[] outputs)
    {
        try
        {
            var boxes = Datatypes.Singles(outputs[0]);
            var scores = Datatypes.Singles(outputs[1]);
            long[] labels = outputs.Length > 2 ? Datatypes.Integers(outputs[2]) : [];
            var samples = outputs[0].GetTensorTypeAndShape().Shape is [> 0 and var first, _, _] ? (int)first : 1;
            var found = new List<IReadOnlyList<DetectedBox>>();
            var confident = form with { MinimumScore = form.ConfidentScore };
            for (var i = 0; i < samples; i++)
            {
                found.Add(DetectionReader.Read(
                    confident, Part(boxes, i, samples), Part(scores, i, samples), Part<long>(labels, i, samples)));
            }
            return found;
        }
        catch (FormatException)
        {
            // An answer does not fail because it could not be counted.
            return [];
        }
    }

    private static ReadOnlySpan<T> Part<T>(ReadOnlySpan<T> values, int number, int parts)
        => values.Slice(number * (values.Length / parts), values.Length / parts);

    /// <summary>Values of one sample: the product of all extents but the first; 0 when they are too many to count.</summary>
    private static int ColumnsOf(long[] shape)
        => shape.Length < 2 ? 1
            : shape.Skip(1).Aggregate(1L, (product, extent) => product * extent) is var columns and <= int.MaxValue ? (int)columns : 0;

    private static string[] TalliedOf(ServedModel description, OnnxSession session)
    {
        // The release's first output is the one that matters, wherever the graph has it.
        var main = description.Outputs.Count > 0 ? description.Outputs[0].Name : session.Outputs[0].Name;
        var form = description.Detection ?? new DetectionForm();
        string[] wanted = description.Tally() switch
        {
            OutputTally.Classes or OutputTally.Values => [main],
            OutputTally.Boxes => form.Labels is { } labels ? [form.Boxes, form.Scores, labels] : [form.Boxes, form.Scores],
            _ => [],
        };
        return wanted.All(name => session.Outputs.Any(output => output.Name == name)) ? wanted : [];
    }
}
