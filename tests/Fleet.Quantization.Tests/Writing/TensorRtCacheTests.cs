using System.Globalization;
using Fleet.Contracts.Builds;
using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Fleet.Quantization.Writing;

namespace Fleet.Quantization.Tests.Writing;

/// <summary>The calibration cache of TensorRT. TensorRT itself does not run here: what it is given is.</summary>
public sealed class TensorRtCacheTests
{
    [Fact]
    public void Scales_are_the_bits_of_floats_as_hexadecimal_numbers()
    {
        // 4000889d, which is 2.0083382, stands as an example in ONNX Runtime's reader. 1/127 is 2^-7 * 128/127: exponent 120, then the
        // fraction 1/127 in binary, a 1 in every seventh place: 0 01111000 0000001 0000001 0000001 00.
        Assert.Equal("TRT-100300-EntropyCalibration2\ndata_0: 4000889d\nconv: 3c010204\nhalf: 3f000000\n",
            TensorRtCache.Of(new Dictionary<string, float> { ["data_0"] = 2.0083382f, ["conv"] = 1 / 127f, ["half"] = 0.5f }));
    }

    [Fact]
    public void Name_that_would_begin_another_line_and_scale_that_is_none_are_refused()
    {
        Assert.Throws<InvalidDataException>(() => TensorRtCache.Of(new Dictionary<string, float> { ["a\nb: 3f000000"] = 1 }));
        Assert.Throws<InvalidDataException>(() => TensorRtCache.Of(new Dictionary<string, float> { ["a"] = 0 }));
        Assert.Throws<InvalidDataException>(() => TensorRtCache.Of(new Dictionary<string, float> { ["a"] = float.NaN }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Variant_for_jetson_has_the_ranges_of_every_value_beside_it_but_of_what_layers_kept_float_write(bool keepsTheLast)
    {
        using var folder = new ScratchFolder();
        // Beside the network a mask that is infinite, as attention has it.
        var model = TinyModels.ConvRelu();
        model.Graph.Initializer.Add(Tensors.Of("never", [float.NegativeInfinity]));
        model.Graph.Initializer.Add(Tensors.Of("zero", [0f]));
        model.Graph.Node.Add(Nodes.Node("Sum", ["x", "never"], ["masked"]));
        model.Graph.Node.Add(Nodes.Node("Max", ["masked", "zero"], ["shown"]));
        model.Graph.Output.Add(new ValueInfoProto { Name = "shown", Type = model.Graph.Output[0].Type.Clone() });
        model.Graph.Output[1].Type.TensorType.Shape.Dim[1].DimValue = 3;
        OnnxFile.Save(model, folder.File("model.onnx"));
        var samples = TinyModels.SamplesFor(TinyModels.ConvRelu(), 32, seed: 2);
        File.WriteAllBytes(folder.File("x.npy"), NpyArray.Of(samples.Inputs, [samples.Count, .. samples.SampleShape]).ToFile());
        var report = new Quantizer().Run(new QuantizationRequest
        {
            Source = new SourceSpec { Onnx = folder.File("model.onnx"), Calibration = folder.File("x.npy"), Validation = "synthetic" },
            Quantization = new QuantizationSpec
            {
                Profiles = ["jetson"],
                Schemes = ["int8-static-symmetric"],
                Calibrator = "minmax",
                Keep = keepsTheLast ? ["y"] : null,
            },
        }, folder.Path, new Progress<BuildProgress>(), TestContext.Current.CancellationToken);
        var variant = report.Variants.Single(one => one.Scheme == "int8-static-symmetric");
        var lines = File.ReadAllLines(folder.File($"{variant.Id}.calib"));
        Assert.Equal("TRT-100300-EntropyCalibration2", lines[0]);
        var scales = lines.Skip(1).Select(line => line.Split(": ")).ToDictionary(
            line => line[0],
            line => BitConverter.UInt32BitsToSingle(uint.Parse(line[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
        Assert.Subset(scales.Keys.ToHashSet(), new HashSet<string> { "x", "r1" });
        Assert.Equal(!keepsTheLast, scales.ContainsKey("y"));
        Assert.DoesNotContain("masked", scales.Keys);
        // The variant rounds its input with the same scale.
        var graph = new OnnxGraph(OnnxFile.Load(folder.File(variant.Artifact!.Name)));
        var rounding = graph.ConsumersOf("x").Single(node => node.OpType == "QuantizeLinear");
        Assert.Equal(graph.Constant(rounding.Input[1])!.ToSingles()[0], scales["x"]);
        Assert.Contains(variant.Reasons, reason => reason.Contains($"{variant.Id}.calib", StringComparison.Ordinal));
    }
}
