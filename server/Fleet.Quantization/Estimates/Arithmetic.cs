using Fleet.Contracts.Builds;

namespace Fleet.Quantization.Estimates;

/// <summary>What the products of a variant are computed in: variants of one kind are off by what that kind's kernels are off.</summary>
internal enum Arithmetic
{
    /// <summary>32-bit floats, weights that became so when the file was loaded included.</summary>
    Floats,
    /// <summary>16-bit floats.</summary>
    Halves,
    /// <summary>Bytes, in ranges that calibration fixed.</summary>
    Bytes,
    /// <summary>Bytes, with activations that are rounded at every run.</summary>
    RoundedBytes,
    /// <summary>Weights of four bits, or of 2 to 8 by layer.</summary>
    FourBits,
}

/// <summary>Schemes by what they compute in.</summary>
internal static class Arithmetics
{
    /// <summary>What variants of a scheme compute in; null for a scheme that is not known here.</summary>
    public static Arithmetic? Of(string scheme)
    {
        bool Starts(string with) => scheme.StartsWith(with, StringComparison.Ordinal);
        return scheme switch
        {
            MeasuredForm.FloatScheme => Arithmetic.Floats,
            "fp16" => Arithmetic.Halves,
            _ when Starts("int8-weights") => Arithmetic.Floats,
            _ when Starts("int8-static") => Arithmetic.Bytes,
            _ when Starts("int8-dynamic") => Arithmetic.RoundedBytes,
            _ when Starts("int4") || Starts(BuildSpecRules.MixedWeights) => Arithmetic.FourBits,
            // What was trained on fewer than eight bits is bytes once it is loaded.
            _ when Starts("qat-") || Starts("qkd-") => Arithmetic.Bytes,
            _ => null,
        };
    }

    /// <summary>The same in words, behind "variants that compute".</summary>
    public static string InWords(this Arithmetic arithmetic) => arithmetic switch
    {
        Arithmetic.Floats => "in floats",
        Arithmetic.Halves => "in 16-bit floats",
        Arithmetic.Bytes => "in bytes",
        Arithmetic.RoundedBytes => "in bytes rounded at every run",
        _ => "with weights of 4 bits",
    };
}
