using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Builds;

/// <summary>
/// What was decided while a model was quantized: with the same model and samples enough to make the same files again, byte by byte, without
/// deciding anything anew.
/// </summary>
public sealed record QuantizationRecipe
{
    /// <summary>Version of this form.</summary>
    public const int CurrentVersion = 1;

    /// <summary>Version of the form that it was written in.</summary>
    public required int Version { get; init; }

    /// <summary>File name of the float model.</summary>
    public required string Model { get; init; }

    /// <summary>SHA-256 of that file in lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Files beside it that hold weights, by their paths from its folder; empty where it holds all of them itself.</summary>
    public IReadOnlyList<ArtifactReference> Data { get; set; } = [];

    /// <summary>
    /// The version of ONNX Runtime that computed ranges; another one may round them otherwise.
    /// </summary>
    public required string OnnxRuntime { get; init; }

    /// <summary>The processor that computed them; one with other kernels may round them otherwise.</summary>
    public required string MadeOn { get; init; }

    /// <summary>Where the samples came from that fixed the ranges; absent when there were none.</summary>
    public SampleSource? Calibration { get; init; }

    /// <summary>
    /// How pictures and sound become inputs, each part that was used; the rate of sound only where one was asked for. Absent for arrays.
    /// </summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>What was asked for.</summary>
    public required QuantizationSpec Spec { get; init; }

    /// <summary>Every variant that was made.</summary>
    public required IReadOnlyList<VariantRecipe> Variants { get; init; }
}

/// <summary>What was decided for one variant.</summary>
public sealed record VariantRecipe
{
    /// <summary>Its name, such as <c>x64-int8</c>.</summary>
    public required string Id { get; init; }

    /// <summary>How ranges are taken.</summary>
    public required string Calibrator { get; init; }

    /// <summary>Techniques by name, in the order in which they were applied.</summary>
    public IReadOnlyList<string> Techniques { get; set; } = [];

    /// <summary>Operators that stay float, each by the first value that it makes in the prepared model.</summary>
    public IReadOnlyList<string> KeptFloat { get; set; } = [];

    /// <summary>True where techniques went by what they find once, whichever layers stay float.</summary>
    public bool Roughly { get; init; }

    /// <summary>
    /// Weights of those that have 8 bits in the file, by name in the prepared model, where the others have 16; absent: all have 32.
    /// </summary>
    public IReadOnlyList<string>? InBytes { get; init; }

    /// <summary>SHA-256 of the file.</summary>
    public required string Sha256 { get; init; }

    /// <summary>SHA-256 of the file beside it that holds its weights; absent where it holds them itself.</summary>
    public string? DataSha256 { get; init; }

    /// <summary>True for the one to take for its profile.</summary>
    public bool Chosen { get; init; }
}
