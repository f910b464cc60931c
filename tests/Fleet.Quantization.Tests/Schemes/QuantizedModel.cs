using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Writing;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization.Tests.Schemes;

/// <summary>A model that a scheme made of samples that were made up, as it is written, beside the float one.</summary>
internal sealed record QuantizedModel(PreparedModel Source, ModelProto Model, IQuantizationScheme Scheme)
{
    public static QuantizedModel Of(ModelProto model, string scheme, ScratchFolder folder, IReadOnlySet<string>? keptFloat = null)
    {
        OnnxFile.Save(model, folder.File("m.onnx"));
        var prepared = PreparedModel.From(folder.File("m.onnx"), folder.Path);
        var quantizer = QuantizationSchemes.Named(scheme);
        var histograms = CalibrationRun.Count(
            prepared.Model, quantizer.CalibratedValues(prepared.Graph), Feeds(prepared, seed: 1), 1, TestContext.Current.CancellationToken);
        var source = new QuantizationSource(prepared, histograms, Calibrators.Named("minmax"));
        return new QuantizedModel(
            prepared, StoredOnce.Of(quantizer.Apply(source, keptFloat ?? new HashSet<string>())), quantizer);
    }

    /// <summary>Bytes of the file against those of the float one.</summary>
    public double Share => (double)Model.CalculateSize() / StoredOnce.Of(Source.Model).CalculateSize();

    /// <summary>Decibels of its outputs against the float model's, where no product saturates when left out.</summary>
    public double SignalToNoise(RuntimeSettings? runtime = null)
    {
        using var expected = OnnxRuntimeSession.Open(Source.Model.ToByteArray(), "float");
        using var actual = OnnxRuntimeSession.Open(Model.ToByteArray(), Scheme.Name, Scheme.Runtime(runtime ?? OnnxRuntimeSession.Exact));
        float[] Of(InferenceSession session) => AllOutputs.Of(session, Feeds(Source, seed: 2), default).Values;
        return Judgement.SignalToNoise(Of(actual), Of(expected));
    }

    /// <summary>What the runtime makes of the file.</summary>
    public OnnxGraph Loaded(ScratchFolder folder)
    {
        OnnxFile.Save(Model, folder.File("q.onnx"));
        OnnxRuntimeSession.SaveOptimized(folder.File("q.onnx"), folder.File("o.onnx"), GraphOptimizationLevel.ORT_ENABLE_ALL, Runtime);
        return new OnnxGraph(OnnxFile.Load(folder.File("o.onnx")));
    }

    private RuntimeSettings Runtime => Scheme.Runtime(OnnxRuntimeSession.Plain);

    private static SyntheticFeeds Feeds(PreparedModel prepared, int seed)
    {
        using var session = OnnxRuntimeSession.Open(prepared.Model.ToByteArray(), "float");
        return new SyntheticFeeds(ModelInput.WithTables(ModelInput.Of(session), prepared.Model), 16, seed);
    }
}
