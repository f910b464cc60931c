using Fleet.Contracts.Tensors;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization.Tests.Models;

/// <summary>
/// Three matrices, of which the first holds few large numbers among many small ones: in integers it costs so much that layers are ranked.
/// </summary>
internal static class UnevenModel
{
    /// <summary>Writes <c>m.onnx</c>, and <c>samples.npz</c> with 64 samples for it.</summary>
    public static void Save(ScratchFolder folder)
    {
        var random = new Random(5);
        float[] values = [
            .. Enumerable.Range(0, 64 * 64).Select(_ => (random.NextSingle() - 0.5f) * (random.Next(200) == 0 ? 200 : 1)),
        ];
        new GraphBuilder().Input("x", -1, 64).Constant(Tensors.Of("w1", values, 64, 64)).Weight("w2", 64, 64).Weight("w3", 64, 64)
            .Node("MatMul", ["x", "w1"], "h", node => node.Name = "first").Node("Tanh", ["h"], "t")
            .Node("MatMul", ["t", "w2"], "g", node => node.Name = "second").Node("Relu", ["g"], "r")
            .Node("MatMul", ["r", "w3"], "y", node => node.Name = "third").Output("y", -1, 64).Save(folder, "m.onnx");
        using var file = File.Create(folder.File("samples.npz"));
        NpzArchive.Write(file, [
            new("x", NpyArray.Of([.. Enumerable.Range(0, 64 * 64).Select(_ => random.NextSingle() * 2 - 1)], 64, 64)),
        ]);
    }
}
