using System.Security.Cryptography;
using Fleet.Contracts.Releases;
using Fleet.Quantization.Onnx;

namespace Fleet.Quantization;

/// <summary>Files that a report names.</summary>
internal static class Artifacts
{
    /// <summary>The file at <paramref name="path"/> by name, digest and length.</summary>
    public static ArtifactReference Reference(string path)
    {
        using var file = File.OpenRead(path);
        return new ArtifactReference(Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(file)), file.Length);
    }

    /// <summary>The file beside a model that holds its weights; null where they are in the model.</summary>
    public static ArtifactReference? DataOf(string modelPath)
        => OnnxFile.DataPathOf(modelPath) is var data && File.Exists(data) ? Reference(data) : null;

    /// <summary>The files beside somebody's model that hold its weights, by their paths from its folder.</summary>
    /// <exception cref="InvalidDataException">One is missing, or named outside the model's folder.</exception>
    public static IReadOnlyList<ArtifactReference> WeightsOf(string modelPath)
        => [
            .. ExternalData.FilesOf(modelPath)
                .Select(file => Reference(file) with { Name = Path.GetRelativePath(Path.GetDirectoryName(modelPath)!, file) })
                .OrderBy(file => file.Name, StringComparer.Ordinal),
        ];
}
