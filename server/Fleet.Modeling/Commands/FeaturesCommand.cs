using System.CommandLine;
using Fleet.Modeling.Teachers;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Onnx.Protos;
using Fleet.Quantization.Samples;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Commands;

/// <summary><c>fleet-modeling features</c>: what a build spec can name inside a teacher.</summary>
internal static class FeaturesCommand
{
    public static Command Create()
    {
        var model = new Argument<FileInfo>("MODEL") { Description = "ONNX file" };
        var command = new Command(
            "features", "Lists what distillation can compare inside a teacher: name, operator and shape for one sample.") { model };
        command.SetAction(parsed =>
        {
            var file = parsed.GetRequiredValue(model).FullName;
            try
            {
                Print(file, OnnxFile.Load(file));
                return 0;
            }
            catch (InvalidDataException e)
            {
                throw new BuildException(e.Message, e);
            }
        });
        return command;
    }

    private static void Print(string path, ModelProto model)
    {
        var layers = OnnxFeatures.Layers(model);
        if (layers.Count > 0)
        {
            // A file of Fleet's: its layers go by the names that students use.
            foreach (var (name, (value, shape)) in layers) Console.WriteLine($"{name,-24}{value,-24}{string.Join(" x ", shape)}");
            return;
        }
        string[] names = [.. OnnxFeatures.Candidates(model)];
        var shapes = Shapes(path, model, names);
        foreach (var node in model.Graph.Node)
        {
            foreach (var output in node.Output.Where(output => output.Length > 0))
                Console.WriteLine($"{output,-48}{node.OpType,-24}{shapes[output]}");
        }
    }

    // Measured rather than declared: few files say the shapes of their inner values.
    private static Dictionary<string, string> Shapes(string path, ModelProto model, string[] names)
    {
        OnnxFeatures.AddOutputs(model, names);
        using var session = OnnxRuntimeSession.Open(model, path);
        var inputs = ModelInput.Of(session);
        using var feed = new SyntheticFeeds(inputs, 1, seed: 1, shapes: SyntheticShapes.Of(session, inputs, ModelState.None, [])).Batches(1)
            .Single();
        using var options = new RunOptions();
        try
        {
            using var values = session.Run(options, feed.Names, feed.Values, names);
            return names.Zip(values)
                .ToDictionary(pair => pair.First,
                    pair => pair.Second.IsTensor && pair.Second.GetTensorTypeAndShape() is var type
                        ? $"{type.ElementDataType} {string.Join(" x ", type.Shape)}"
                        : "no tensor");
        }
        catch (OnnxRuntimeException e)
        {
            // The names are what a spec needs; made-up extents do not suit every model.
            Console.Error.WriteLine($"{Path.GetFileName(path)} does not take a made-up sample, so shapes are left out: {e.Message}");
            return names.ToDictionary(name => name, _ => "");
        }
    }
}
