using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.TestKit;

namespace Fleet.Benchmarks.Quantization;

/// <summary>A model as the peer reads it.</summary>
internal static class PeerModel
{
    /// <summary>
    /// The model itself, or a copy where it declares the standard operators twice, as MCUNet's file does: the peer gives up on such.
    /// </summary>
    public static string Of(string path, TemporaryFolder folder)
    {
        var copy = folder["peer-model.onnx"];
        if (File.Exists(copy)) return copy;
        var model = OnnxFile.Load(path);
        OperatorSetIdProto[] standard = [.. model.OpsetImport.Where(set => set.Domain is "" or Opsets.StandardName)];
        if (standard.Length < 2) return path;
        foreach (var set in standard[..^1]) model.OpsetImport.Remove(set);
        OnnxFile.Save(model, copy);
        return copy;
    }
}
