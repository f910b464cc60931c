using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Accuracy;

/// <summary>The samples on which techniques and operators are compared; no labels are needed.</summary>
/// <param name="source">The float model, which is run once for all schemes.</param>
/// <param name="outputsOf">What a model says of the samples.</param>
internal sealed class RankingSamples(QuantizationSource source, Func<InferenceSession, float[]> outputsOf)
{
    private float[] Reference => source.Once(nameof(RankingSamples), from => OutputsOf(from.Model.Model, outputsOf, "the float model"));

    /// <summary>How clean the output of a quantized model is, in decibels.</summary>
    public double SignalToNoiseOf(ModelProto model, string name)
        => Judgement.SignalToNoise(OutputsOf(model, outputsOf, name), Reference);

    private static float[] OutputsOf(ModelProto model, Func<InferenceSession, float[]> outputsOf, string name)
    {
        using var session = OnnxRuntimeSession.Open(model, name);
        return outputsOf(session);
    }
}
