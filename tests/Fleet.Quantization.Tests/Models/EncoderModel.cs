using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;

namespace Fleet.Quantization.Tests.Models;

/// <summary>
/// A transformer encoder as an exporter writes it: MatMul and Add for query, key and value, Gemm behind a Reshape for the others, GELU
/// spelled out, layer normalization before each block. Weights are drawn, and a few gains of each normalization are large: the
/// outlier channels that trained transformers have.
/// </summary>
/// <param name="Layers">Blocks of attention and feed-forward.</param>
/// <param name="Width">Channels of the hidden state.</param>
/// <param name="Inner">Channels of the feed-forward layer.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="Length">Tokens.</param>
/// <param name="Classes">Scores; a re-ranker has one.</param>
internal sealed record EncoderModel(int Layers, int Width, int Inner, int Heads, int Length, int Classes = 8)
{
    /// <summary>One channel in so many stands out, by so much.</summary>
    private const int OutlierEvery = 64;
    private const float OutlierGain = 15;

    /// <summary>Hidden states in, class scores out.</summary>
    public ModelProto Build()
    {
        var graph = new GraphBuilder().Input("x", -1, Length, Width);
        graph.Constant(Tensors.Of("split", [0L, Length, Heads, Width / Heads], 4)).Constant(Tensors.Of("rows", [-1L, Width], 2))
            .Constant(Tensors.Of("joinRows", [-1L, Length, Width], 3))
            .Constant(Tensors.Of("root", [MathF.Sqrt((float)Width / Heads)])).Constant(Tensors.Of("sqrt2", [MathF.Sqrt(2)]))
            .Constant(Tensors.Of("one", [1f])).Constant(Tensors.Of("half", [0.5f]));
        var state = "x";
        for (var layer = 0; layer < Layers; layer++) state = Feed(graph, Attend(graph, state, $"a{layer}"), $"f{layer}");
        return Linear(graph.Node("ReduceMean", [Normalized(graph, state, "last")], "mean",
            node => node.With("axes", [1L]).With("keepdims", 0)), "mean", "y", Width, Classes)
            .Output("y", -1, Classes).Build();
    }

    private string Attend(GraphBuilder graph, string input, string name)
    {
        var normal = Normalized(graph, input, name);
        foreach (var part in new[] { "q", "k", "v" })
        {
            graph.Weight($"{name}.w{part}", Width, Width).Weight($"{name}.b{part}", Width)
                .Node("MatMul", [normal, $"{name}.w{part}"], $"{name}.{part}m")
                .Node("Add", [$"{name}.b{part}", $"{name}.{part}m"], $"{name}.{part}a")
                .Node("Reshape", [$"{name}.{part}a", "split"], $"{name}.{part}s")
                .Node("Transpose", [$"{name}.{part}s"], $"{name}.{part}",
                    node => node.With("perm", part == "k" ? [0L, 2, 3, 1] : [0L, 2, 1, 3]));
        }
        graph.Node("MatMul", [$"{name}.q", $"{name}.k"], $"{name}.scores").Node("Div", [$"{name}.scores", "root"], $"{name}.scaled")
            .Node("Softmax", [$"{name}.scaled"], $"{name}.shares", node => node.With("axis", -1))
            .Node("MatMul", [$"{name}.shares", $"{name}.v"], $"{name}.mixed")
            .Node("Transpose", [$"{name}.mixed"], $"{name}.turned", node => node.With("perm", [0L, 2, 1, 3]))
            .Node("Reshape", [$"{name}.turned", "rows"], $"{name}.rows");
        Linear(graph, $"{name}.rows", $"{name}.out", Width, Width).Node("Reshape", [$"{name}.out", "joinRows"], $"{name}.joined")
            .Node("Add", [input, $"{name}.joined"], $"{name}.sum");
        return $"{name}.sum";
    }

    private string Feed(GraphBuilder graph, string input, string name)
    {
        graph.Node("Reshape", [Normalized(graph, input, name), "rows"], $"{name}.rows");
        Linear(graph, $"{name}.rows", $"{name}.wide", Width, Inner)
            .Node("Div", [$"{name}.wide", "sqrt2"], $"{name}.d").Node("Erf", [$"{name}.d"], $"{name}.e")
            .Node("Add", [$"{name}.e", "one"], $"{name}.e1")
            .Node("Mul", [$"{name}.wide", $"{name}.e1"], $"{name}.m").Node("Mul", [$"{name}.m", "half"], $"{name}.gelu");
        Linear(graph, $"{name}.gelu", $"{name}.out", Inner, Width).Node("Reshape", [$"{name}.out", "joinRows"], $"{name}.joined")
            .Node("Add", [input, $"{name}.joined"], $"{name}.sum");
        return $"{name}.sum";
    }

    private string Normalized(GraphBuilder graph, string input, string name)
    {
        var random = new Random(name.Sum(letter => letter) + name[0]);
        var gain = Enumerable.Range(0, Width)
            .Select(channel => channel % OutlierEvery == name.Sum(letter => letter) % OutlierEvery
                ? OutlierGain
                : 0.5f + random.NextSingle()).ToArray();
        graph.Constant(Tensors.Of($"{name}.gain", gain, Width)).Weight($"{name}.shift", Width)
            .Node("LayerNormalization", [input, $"{name}.gain", $"{name}.shift"], $"{name}.norm",
                node => node.With("axis", -1).With("epsilon", 1e-5f));
        return $"{name}.norm";
    }

    private static GraphBuilder Linear(GraphBuilder graph, string input, string output, int rows, int columns)
        => graph.Weight($"{output}.w", columns, rows).Weight($"{output}.b", columns)
            .Node("Gemm", [input, $"{output}.w", $"{output}.b"], output, node => node.With("transB", 1));
}
