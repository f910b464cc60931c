using System.Collections.Frozen;
using Fleet.Quantization.Calibration;

namespace Fleet.Quantization.Writing;

/// <summary>What an operator is to quantization.</summary>
internal enum OperatorRole
{
    /// <summary>Stays float.</summary>
    Float,
    /// <summary>Multiplies its input with a constant weight: where integers save time and bytes.</summary>
    Weighted,
    /// <summary>Has an integer kernel with a scale of its own for the output.</summary>
    Rescaling,
    /// <summary>Moves values without changing them: input and output must have one scale, or the runtime computes in float.</summary>
    Passing,
    /// <summary>Clamps values: superfluous when the integers of its output cannot leave its bounds.</summary>
    Clamping,
}

/// <summary>Roles of the standard operators, after what ONNX Runtime's kernels fuse (its qdq_transformer selectors).</summary>
internal static class OperatorRules
{
    private static readonly FrozenDictionary<string, OperatorRole> Roles = new Dictionary<string, OperatorRole>
    {
        ["Conv"] = OperatorRole.Weighted,
        ["Gemm"] = OperatorRole.Weighted,
        ["MatMul"] = OperatorRole.Weighted,

        ["Add"] = OperatorRole.Rescaling,
        ["Mul"] = OperatorRole.Rescaling,
        ["Concat"] = OperatorRole.Rescaling,
        ["AveragePool"] = OperatorRole.Rescaling,
        ["GlobalAveragePool"] = OperatorRole.Rescaling,
        ["LeakyRelu"] = OperatorRole.Rescaling,
        ["Sigmoid"] = OperatorRole.Rescaling,

        ["Reshape"] = OperatorRole.Passing,
        ["Flatten"] = OperatorRole.Passing,
        ["Transpose"] = OperatorRole.Passing,
        ["Squeeze"] = OperatorRole.Passing,
        ["Unsqueeze"] = OperatorRole.Passing,
        ["Slice"] = OperatorRole.Passing,
        ["Split"] = OperatorRole.Passing,
        ["Expand"] = OperatorRole.Passing,
        ["Tile"] = OperatorRole.Passing,
        ["Gather"] = OperatorRole.Passing,
        ["MaxPool"] = OperatorRole.Passing,
        ["Resize"] = OperatorRole.Passing,

        ["Relu"] = OperatorRole.Clamping,
        ["Clip"] = OperatorRole.Clamping,
    }.ToFrozenDictionary();

    /// <summary>Operators all of whose inputs are data; of the others only the first is.</summary>
    private static readonly FrozenSet<string> ManyInputs = new[] { "Add", "Mul", "Concat" }.ToFrozenSet();

    /// <summary>The role of a standard operator.</summary>
    public static OperatorRole RoleOf(string operation) => Roles.GetValueOrDefault(operation, OperatorRole.Float);

    /// <summary>True when every input holds data, not sizes or axes.</summary>
    public static bool TakesManyInputs(string operation) => ManyInputs.Contains(operation);

    /// <summary>A range that holds whatever the input is, or null.</summary>
    public static ValueRange? FixedRangeOf(string operation) => operation is "Sigmoid" or "Softmax" ? new ValueRange(0, 1) : null;
}
