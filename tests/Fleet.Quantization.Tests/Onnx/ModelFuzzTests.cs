using System.Globalization;
using CsCheck;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Tests.Models;
using Fleet.TestKit;
using Google.Protobuf;
using Xunit.Sdk;
using AttributeType = Fleet.Quantization.Onnx.Protos.AttributeProto.Types.AttributeType;
using DataType = Fleet.Quantization.Onnx.Protos.TensorProto.Types.DataType;

namespace Fleet.Quantization.Tests.Onnx;

/// <summary>
/// Valid models with a few things wrong, through everything that reads and rewrites them: each ends as quantized files or as a
/// refusal. The work is done by the built program, a batch of models at a time, so that a crash of native code is a failed case
/// like any other; the model that caused it is kept in the folder of temporary files, under the name in the message.
/// </summary>
public sealed class ModelFuzzTests
{
    /// <summary>Seconds of a search through models that were never tried; without the variable the same ones are tried each time.</summary>
    private static readonly int? SearchSeconds = int.TryParse(
        Environment.GetEnvironmentVariable("FLEET_FUZZ_SECONDS"), CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    /// <summary>Batches that are tried each time, about 20 s.</summary>
    private const int UsualBatches = 16;

    private const int BatchSize = 48;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120);

    private static readonly byte[][] Seeds =
    [
        .. TinyModels.All.Values.Select(make => make().ToByteArray()),
        ScopesTests.Branches(sameWeights: true).ToByteArray(),
        Looped("Loop").ToByteArray(),
        Looped("Scan").ToByteArray(),
        Recurrent().ToByteArray(),
        Old().ToByteArray(),
    ];

    [Fact]
    public void Whatever_is_wrong_with_a_model_it_is_quantized_or_refused()
    {
        Assert.All(Verdicts([.. Seeds.Select(seed => (Name: "seed", Bytes: seed))]),
            verdict => Assert.Contains("\ttaken by", verdict, StringComparison.Ordinal));
        var batches = Mutation.Models(Seeds.Length).Array[BatchSize];
        if (SearchSeconds is { } limit)
        {
            batches.Sample(Try, time: limit, threads: 1);
            return;
        }
        var random = new PCG(1, 1);
        for (var i = 0; i < UsualBatches; i++) Try(batches.Generate(random, null, out _));
        return;

        static void Try((int Seed, Mutation[] Mutations)[] batch)
        {
            (string Name, byte[] Bytes)[] models = [
                .. batch.Select(one => (
                    string.Join(" ", one.Mutations.Select(mutation => $"{mutation}")), Mutated(Seeds[one.Seed], one.Mutations))),
            ];
            foreach (var (verdict, model) in Verdicts(models).Zip(models))
            {
                if (verdict.Contains("\ttaken by", StringComparison.Ordinal) || verdict.Contains("\trefused: ", StringComparison.Ordinal))
                    continue;
                var kept = Path.Combine(
                    Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"fleet-fuzz-{Guid.NewGuid():N}.onnx"));
                File.WriteAllBytes(kept, model.Bytes);
                throw new XunitException($"{kept}: {verdict} after {model.Name}");
            }
        }
    }

    /// <summary>What the program says of each model: its last line about it, or that it ended there.</summary>
    private static IReadOnlyList<string> Verdicts((string Name, byte[] Bytes)[] models)
    {
        using var folder = new ScratchFolder();
        foreach (var (index, (_, bytes)) in models.Index())
            File.WriteAllBytes(folder.File(string.Create(CultureInfo.InvariantCulture, $"{index:0000}.onnx")), bytes);
        ProcessResult result;
        try
        {
            result = ChildProcess.RunAsync(Programs.Quantize, ["probe", folder.Path], Deadline).GetAwaiter().GetResult();
        }
        catch (TimeoutException e)
        {
            result = new ProcessResult(-1, e.Message);
        }
        var last = result.Output.Split('\n').Where(line => line.Contains(".onnx\t", StringComparison.Ordinal))
            .GroupBy(line => line[..line.IndexOf('\t', StringComparison.Ordinal)]).ToDictionary(group => group.Key, group => group.Last());
        return [.. models.Select((_, index) => string.Create(CultureInfo.InvariantCulture, $"{index:0000}.onnx"))
            .Select(name => !last.TryGetValue(name, out var line) ? $"{name}\trefused: not reached"
            : line.EndsWith("\ttaken up", StringComparison.Ordinal)
                ? $"{name}\tended the program with code {result.Code}: {string.Join(" | ", result.Output.Split('\n').TakeLast(3))}"
                : line)];
    }

    private static byte[] Mutated(byte[] seed, IEnumerable<Mutation> mutations)
    {
        var model = ModelProto.Parser.ParseFrom(seed);
        foreach (var mutation in mutations) mutation.Apply(model);
        return model.ToByteArray();
    }

    /// <summary>A body that multiplies with a weight, three times over.</summary>
    internal static ModelProto Looped(string operation, int width = 16)
    {
        var model = new GraphBuilder().Input("x", 1, width).Output("y", 1, width).Build();
        var row = model.Graph.Output[0].Type.Clone();
        TypeProto Scalar(DataType type)
            => new() { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = new TensorShapeProto() } };
        var body = new GraphProto { Name = "body" };
        body.Initializer.Add(Tensors.Of("w", [.. Enumerable.Range(0, width * width).Select(i => MathF.Sin(i) / 4)], width, width));
        if (operation == "Loop")
        {
            body.Input.Add([
                new ValueInfoProto { Name = "i", Type = Scalar(DataType.Int64) },
                new ValueInfoProto { Name = "go", Type = Scalar(DataType.Bool) }, new ValueInfoProto { Name = "s", Type = row },
            ]);
            body.Node.Add([Nodes.Node("Identity", ["go"], ["on"]), Nodes.Node("MatMul", ["s", "w"], ["t"])]);
            body.Output.Add([
                new ValueInfoProto { Name = "on", Type = Scalar(DataType.Bool) }, new ValueInfoProto { Name = "t", Type = row },
            ]);
            model.Graph.Initializer.Add([Tensors.Of("times", [3L]), Tensors.Create("yes", DataType.Bool, [1], [])]);
        }
        else
        {
            body.Input.Add([new ValueInfoProto { Name = "s", Type = row }, new ValueInfoProto { Name = "e", Type = row }]);
            body.Node.Add([
                Nodes.Node("Add", ["s", "e"], ["a"]), Nodes.Node("MatMul", ["a", "w"], ["t"]), Nodes.Node("Identity", ["t"], ["u"]),
            ]);
            body.Output.Add([new ValueInfoProto { Name = "t", Type = row }, new ValueInfoProto { Name = "u", Type = row }]);
            model.Graph.Initializer.Add(Tensors.Of("steps", new float[3 * width], 3, 1, width));
        }
        var node = operation == "Loop"
            ? Nodes.Node("Loop", ["times", "yes", "x"], ["y"])
            : Nodes.Node("Scan", ["x", "steps"], ["y", "z"]).With("num_scan_inputs", 1);
        node.Attribute.Add(new AttributeProto { Name = "body", Type = AttributeType.Graph, G = body });
        model.Graph.Node.Add(node);
        return model;
    }

    private static ModelProto Recurrent()
        => new GraphBuilder().Input("x", 5, 1, 12).Weight("w", 1, 64, 12).Weight("r", 1, 64, 16).Weight("b", 1, 128).Weight("v", 16, 40)
            .Node("LSTM", ["x", "w", "r", "b"], "h", node => node.With("hidden_size", 16)).Node("MatMul", ["h", "v"], "y")
            .Output("y", 5, 1, 1, 40).Build();

    /// <summary>Of an operator set that is raised: attributes that became inputs.</summary>
    private static ModelProto Old() => new GraphBuilder(opset: 9).Input("x", 1, 4, 8, 8).Weight("w", 8, 4, 3, 3)
        .Node("Conv", ["x", "w"], "c").Node("Clip", ["c"], "d", node => node.With("min", 0f).With("max", 6f))
        .Node("Pad", ["d"], "e", node => node.With("pads", [0, 0, 1, 1, 0, 0, 1, 1]))
        .Node("Slice", ["e"], "f", node => node.With("starts", [0, 0]).With("ends", [1, 4]).With("axes", [0, 1]))
        .Node("ReduceSum", ["f"], "g", node => node.With("axes", [2, 3]).With("keepdims", 0))
        .Node("Softmax", ["g"], "y", node => node.With("axis", 1)).Output("y", 1, 4).Build();
}
