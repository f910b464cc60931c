namespace Fleet.Agent.Tests.Inference;

/// <summary>Models small enough to be written by the tests themselves; some are slow or hungry on purpose.</summary>
internal static class TestModels
{
    /// <summary><c>y = x * factor</c> for rows of three: the answer tells which file answered.</summary>
    public static string Scale(string folder, float factor) => new OnnxFile()
        .Input("x", OnnxType.Float, -1, 3)
        .Output("y", OnnxType.Float, -1, 3)
        .Constant<float>("factor", OnnxType.Float, [factor], 1)
        .Node("Mul", ["x", "factor"], ["y"])
        .Save(Path.Combine(folder, $"scale-{factor}.onnx"));

    /// <summary>Gives its input back.</summary>
    public static string Identity(string folder, OnnxType type) => new OnnxFile()
        .Input("x", type, -1, 2)
        .Output("y", type, -1, 2)
        .Node("Identity", ["x"], ["y"])
        .Save(Path.Combine(folder, $"identity-{type}.onnx"));

    /// <summary>
    /// Multiplies a 512 x 512 matrix so many times: about 4 ms each on one core. Constant matrices would be folded at load.
    /// </summary>
    public static string Slow(string folder, int multiplications, bool atLoad = false)
    {
        var file = new OnnxFile().Input("x", OnnxType.Float, -1, 3).Output("y", OnnxType.Float, -1, 3);
        // Rows sum to one: nothing grows or vanishes.
        file.Constant<float>("matrix", OnnxType.Float, Enumerable.Repeat(1 / 512f, 512 * 512).ToArray(), 512, 512);
        // A random matrix is not a constant to the optimizer; a matrix that starts from the file is folded away while loading.
        if (!atLoad)
            file.Constant<long>("extent", OnnxType.Int64, [512, 512], 2).Node("ReduceSum", ["x"], ["seed"], ("keepdims", 0))
                .Node("Expand", ["seed", "extent"], ["m0"]);
        for (var i = 0; i < multiplications; i++) file.Node("MatMul", [i == 0 && atLoad ? "matrix" : $"m{i}", "matrix"], [$"m{i + 1}"]);
        return file
            .Node("ReduceSum", [$"m{multiplications}"], ["sum"], ("keepdims", 0))
            .Constant<float>("zero", OnnxType.Float, [0], 1)
            .Node("Mul", ["sum", "zero"], ["nothing"])
            .Node("Add", ["x", "nothing"], ["y"])
            .Save(Path.Combine(folder, $"slow-{multiplications}-{atLoad}.onnx"));
    }

    /// <summary>Fills so many mebibytes on its way to the answer, which is its input.</summary>
    public static string Hungry(string folder, int mebibytes) => new OnnxFile()
        .Input("x", OnnxType.Float, -1, 3)
        .Output("y", OnnxType.Float, -1, 3)
        .Constant<long>("extent", OnnxType.Int64, [mebibytes, 1 << 18], 2)
        .Constant<float>("zero", OnnxType.Float, [0], 1)
        .Node("ReduceSum", ["x"], ["seed"], ("keepdims", 0))
        .Node("Expand", ["seed", "extent"], ["large"])
        .Node("ReduceSum", ["large"], ["sum"], ("keepdims", 0))
        .Node("Mul", ["sum", "zero"], ["nothing"])
        .Node("Add", ["x", "nothing"], ["y"])
        .Save(Path.Combine(folder, $"hungry-{mebibytes}.onnx"));
}
