using System.Text.RegularExpressions;

namespace Fleet.Quantization.Onnx;

/// <summary>ONNX Runtime's reason in one line: without error codes, paths of scratch files and the context it prints below.</summary>
internal static partial class RuntimeRefusal
{
    /// <summary>Longest reason that is passed on.</summary>
    private const int MaximumLength = 400;

    /// <summary>The reason that <paramref name="exception"/> gives.</summary>
    public static string Of(Exception exception)
    {
        if (IsMemory(exception)) return "It needs more memory than this process may have.";
        var text = Prefix().Replace(exception.Message.Split("==> Context")[0], "");
        text = Blank().Replace(text, " ").Trim();
        if (text.Length > MaximumLength) text = text[..MaximumLength] + "…";
        return text.EndsWith('.') || text.EndsWith('…') ? text : text + ".";
    }

    /// <summary>True when the runtime got no memory; it has no error code for that.</summary>
    public static bool IsMemory(Exception exception)
        => exception.Message.Contains("bad_alloc", StringComparison.Ordinal)
            || exception.Message.Contains("Failed to allocate memory", StringComparison.OrdinalIgnoreCase);

    /// <summary>True when the runtime could not write a model, as on a full disk; it has no error code for that either.</summary>
    public static bool IsWriting(Exception exception)
        => exception.Message.Contains("Protobuf serialization failed", StringComparison.Ordinal);

    /// <summary>Codes, scratch files, places in its source, and C++ signatures with their nested parentheses.</summary>
    [GeneratedRegex(@"\[ErrorCode:\w+\]\s*|Load model from \S+ failed:\s*|\[ONNXRuntimeError\] : \d+ : \w+ : |\S+\.(cc|h):\d+\s+|(\w+ "
        + @")?onnxruntime::[^()\s]*\((?>[^()]|\((?<depth>)|\)(?<-depth>))*(?(depth)(?!))\)( const)?\s*")]
    private static partial Regex Prefix();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();
}
