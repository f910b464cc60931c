using System.Text;
using Fleet.Benchmarks.Quantization.Kernels;
using Fleet.Contracts.Devices;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Proof;
using Fleet.Quantization.Samples;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Estimates;

/// <summary>Counting the instructions of models that carry state and take a single number, as streaming detectors do.</summary>
public sealed class InstructionCountsTests : IDisposable
{
    private const int Width = 16;

    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sample_holds_state_and_single_numbers_as_bytes_behind_a_line_each()
    {
        var file = File.ReadAllBytes(Inputs(Save()));
        var at = 0;
        foreach (var (line, bytes) in new[] { ($"x 1 2 1 {Width}", Width * 4), ("sr 7 0", 8), ($"state 1 2 1 {Width}", Width * 4) })
        {
            var end = Array.IndexOf(file, (byte)'\n', at);
            Assert.Equal(line, Encoding.UTF8.GetString(file, at, end - at));
            if (line.StartsWith("sr", StringComparison.Ordinal)) Assert.InRange(BitConverter.ToInt64(file, end + 1), 0, 7);
            // A pass begins with nothing remembered.
            if (line.StartsWith("state", StringComparison.Ordinal))
                Assert.All(file[(end + 1)..(end + 1 + bytes)], one => Assert.Equal(0, one));
            at = end + 1 + bytes + 1;
        }
        Assert.Equal(file.Length, at);
    }

    [Theory]
    [InlineData("haswell")]
    [InlineData("cortex-a72")]
    public async Task Such_a_model_is_counted_on_another_processor(string processor)
    {
        Assert.SkipWhen(InstructionCounts.Missing() is not null, $"Instructions cannot be counted here: {InstructionCounts.Missing()}");
        using var folder = new TemporaryFolder();
        await InstructionCounts.CompileAsync(folder, TestContext.Current.CancellationToken);
        var (small, large) = (Save(), Save(products: 64));
        var counts = await InstructionCounts.OfAsync(EmulatedProcessor.Named(processor),
            [(small, Inputs(small)), (large, Inputs(large))], new RuntimeSettings(), folder, TestContext.Current.CancellationToken);
        Assert.Equal([small, large], counts.Keys);
        Assert.InRange(counts[small], 1000, counts[large] - 64 * 1000);
    }

    /// <summary>A model that picks a row of a table by a single number, which no other number than that of the sample may be.</summary>
    private string Save(int products = 1)
    {
        var graph = new GraphBuilder().Input("x", 1, Width).Weight("table", 8, Width).Weight("w", Width, Width)
            .Node("Gather", ["table", "sr"], "row").Node("Add", ["x", "row"], "a0").Node("Add", ["a0", "state"], "b0");
        for (var i = 0; i < products; i++) graph.Node("MatMul", [$"b{i}", "w"], $"m{i}").Node("Tanh", [$"m{i}"], $"b{i + 1}");
        var model = graph.Node("Identity", [$"b{products}"], "y").Node("Neg", [$"b{products}"], "stateN")
            .Output("y", 1, Width).Output("stateN", 1, Width).Build();
        model.Graph.Input.Add(new ValueInfoProto
        {
            Name = "sr",
            Type = new TypeProto
            {
                TensorType = new TypeProto.Types.Tensor { ElemType = (int)DataType.Int64, Shape = new TensorShapeProto() },
            },
        });
        var state = model.Graph.Input[0].Clone();
        state.Name = "state";
        model.Graph.Input.Add(state);
        var file = _folder.File($"{products}.onnx");
        OnnxFile.Save(model, file);
        return file;
    }

    private static string Inputs(string model)
    {
        using var session = OnnxRuntimeSession.Open(model);
        var inputs = ModelInput.Of(session);
        InstructionCounts.WriteInputs(new SyntheticFeeds(inputs, 1, seed: 3, ModelState.Of(session, inputs, [])), model + ".inputs");
        return model + ".inputs";
    }
}
