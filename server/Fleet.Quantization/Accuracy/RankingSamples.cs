using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Accuracy;

/// <summary>The samples on which techniques and operators are compared; no labels are needed.</summary>
/// <param name="floatModel">The float model.</param>
/// <param name="outputsOf">What a model says of the samples.</param>
internal sealed class RankingSamples(ModelProto floatModel, Func<InferenceSession, float[]> outputsOf)
{
    private readonly Lazy<float[]> _reference = new(() => OutputsOf(floatModel, outputsOf, "the float model"));

    /// <summary>How clean the output of a quantized model is, in decibels.</summary>
    public double SignalToNoiseOf(ModelProto model, string name)
        => Judgement.SignalToNoise(OutputsOf(model, outputsOf, name), _reference.Value);

    private static float[] OutputsOf(ModelProto model, Func<InferenceSession, float[]> outputsOf, string name)
    {
        using var session = OnnxRuntimeSession.Open(model, name);
        return outputsOf(session);
    }
}
