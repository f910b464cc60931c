using System.Runtime.InteropServices;
using Fleet.Agent.Inference;
using Fleet.Contracts.DeviceValidation;
using Fleet.Contracts.Scoring;
using Fleet.Contracts.Validation;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Fleet.Agent.Validation;

/// <summary>Judges a variant by its task, a run at a time.</summary>
internal sealed class VariantJudge
{
    private readonly TaskScore? _score;
    private readonly ValidationSamples _samples;

    private VariantJudge(TaskScore? score, ValidationSamples samples, string[] outputs)
        => (_score, _samples, Outputs) = (score, samples, outputs);

    /// <summary>Outputs that a run must give, in the order that <see cref="Add"/> takes them.</summary>
    public string[] Outputs { get; }

    /// <summary>A judge of what <paramref name="request"/> asks for.</summary>
    /// <exception cref="ModelRefusedException">The model's outputs cannot be judged by its task.</exception>
    public static VariantJudge Of(ValidationRequest request, OnnxSession session, ValidationSamples samples)
    {
        // The release's first output is the one that matters, wherever the graph has it.
        var main = request.Outputs.Count > 0 ? request.Outputs[0].Name : session.Outputs[0].Name;
        var truth = samples.Truth;
        // Nothing to compare with: it is loaded, run and timed.
        if (!truth.IsLabelled && truth.References.Count == 0) return new VariantJudge(null, samples, [main]);
        string[] judged = [.. session.Outputs.Where(IsJudged).Select(output => output.Name).OrderByDescending(name => name == main)];
        if (judged.Length == 0 || (request.Detection is null && judged[0] != main))
        {
            throw new ModelRefusedException(
                $"Output '{main}' holds no numbers to judge; the model has {string.Join(", ", session.Outputs)}.");
        }
        try
        {
            var score = TaskScore.For(truth, judged, request.Detection, request.LabelUnit);
            return new VariantJudge(score, samples, [.. score.Outputs]);
        }
        catch (FormatException e)
        {
            throw new ModelRefusedException(e.Message, e);
        }
    }

    /// <summary>Takes in what one run gave for its first <paramref name="count"/> samples.</summary>
    /// <exception cref="ModelRefusedException">The outputs do not have the form of the task.</exception>
    public void Add(IReadOnlyList<OrtValue> outputs, int count)
    {
        if (_score is null) return;
        try
        {
            for (var sample = 0; sample < count; sample++)
            {
                var row = sample;
                _score.Add((string name, out int columns) => RowOf(outputs[Array.IndexOf(Outputs, name)], name, row, out columns));
            }
        }
        catch (FormatException e)
        {
            throw new ModelRefusedException($"The outputs cannot be judged: {e.Message}", e);
        }
    }

    /// <summary>What was measured.</summary>
    public Scores Scores() => new() { Metrics = _score?.Measured() ?? [], Samples = _samples.Count };

    private ReadOnlySpan<float> RowOf(OrtValue output, string name, int sample, out int columns)
    {
        var shape = output.GetTensorTypeAndShape().Shape;
        var values = output.GetTensorTypeAndShape().ElementDataType == TensorElementType.Int64
            ? Array.ConvertAll(MemoryMarshal.Cast<byte, long>(output.GetTensorMutableRawData()).ToArray(), value => (float)value)
            : Datatypes.Singles(output);
        columns = shape.Length == 0 ? 1 : (int)shape[^1];
        // A single sample owns the whole output, whatever its shape.
        if (_samples.Batch == 1) return values;
        if (shape.Length < 1 || shape[0] != _samples.Batch)
        {
            throw new FormatException(
                $"Output '{name}' has shape [{string.Join(',', shape)}]; its first extent must be the {_samples.Batch} samples of a run.");
        }
        if (shape.Length == 1) columns = 1;
        var width = values.Length / _samples.Batch;
        return values.Slice(sample * width, width);
    }

    // Labels of boxes are integers; class numbers are exact as floats up to 16 million.
    private static bool IsJudged(OnnxTensor output)
        => Datatypes.IsFloat(output.Element) || output.Element == TensorElementType.Int64;
}
