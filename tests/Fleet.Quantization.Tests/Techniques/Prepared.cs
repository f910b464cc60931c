using Fleet.Contracts.Devices;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Schemes;
using Fleet.Quantization.Techniques;
using Fleet.Quantization.Tests.Models;
using Google.Protobuf;

namespace Fleet.Quantization.Tests.Techniques;

/// <summary>A model with samples that calibrated it, and others that judge what becomes of it.</summary>
internal sealed class Prepared : IDisposable
{
    private readonly ScratchFolder _folder = new();
    private readonly IFeedSource _judging;
    private readonly Lazy<float[]> _reference;

    public Prepared(ModelProto model)
    {
        OnnxFile.Save(model, _folder.File("m.onnx"));
        var prepared = PreparedModel.From(_folder.File("m.onnx"), _folder.Path);
        var samples = TinyModels.SamplesFor(prepared.Model, 32, seed: 1).Feeds("x");
        _judging = TinyModels.SamplesFor(prepared.Model, 32, seed: 2).Feeds("x");
        Source = new QuantizationSource(prepared, new Dictionary<string, Histogram>(), Calibrators.Named("minmax"))
        {
            Samples = samples,
            BatchSize = 8,
        }.Recalibrated(prepared, QuantizationSchemes.Int8U8S8, TestContext.Current.CancellationToken);
        _reference = new(() => Run(prepared.Model));
    }

    public QuantizationSource Source { get; }

    public double SignalToNoise(ModelProto model) => Judgement.SignalToNoise(Run(model), _reference.Value);

    /// <summary>How far the mean of some channel is from the float model's, over the samples that calibrate.</summary>
    public double Shift(ModelProto model, string value)
    {
        double[] Means(ModelProto one)
            => ChannelMoments.Run(one, new Dictionary<string, int> { [value] = 1 }, Source.Samples!, 8,
                TestContext.Current.CancellationToken)[value].Means;
        return Means(model).Zip(Means(Source.Model.Model), (one, other) => Math.Abs(one - other)).Max();
    }

    public void Dispose() => _folder.Dispose();

    private float[] Run(ModelProto model)
    {
        using var session = OnnxRuntimeSession.Open(
            model.ToByteArray(), "test", BuiltInProfiles.X64.Runtime.On(ThisMachine.Facts.IsaFlags));
        return ModelOutputs.Of(session, _judging, TestContext.Current.CancellationToken).Values;
    }
}
