using Fleet.Quantization.Onnx;
using Fleet.Quantization.Tests.Models;

namespace Fleet.Quantization.Tests;

internal static class GraphFiles
{
    /// <summary>Writes the model and returns its path.</summary>
    public static string Save(this GraphBuilder builder, ScratchFolder folder, string name = "model.onnx")
    {
        OnnxFile.Save(builder.Build(), folder.File(name));
        return folder.File(name);
    }
}
