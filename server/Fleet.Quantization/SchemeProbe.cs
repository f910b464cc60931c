using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantization;

/// <summary>
/// Prepares every model of a folder, applies every scheme to it and loads the results: what a broken or hostile file does, and which
/// schemes suit a set of models. Run it in a process of its own.
/// </summary>
public static class SchemeProbe
{
    /// <summary>Probes the folder's <c>*.onnx</c> files in the order of their names.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="say">Told a file's name before it is touched, so that a crash of native code has a name, and then what came of
    /// it; both parts apart by a tab.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    public static void Run(string folder, Action<string> say, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(say);
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*.onnx").OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            say($"{file.Name}\ttaken up");
            say($"{file.Name}\t{Verdict(file.FullName)}");
        }
    }

    private static string Verdict(string path)
    {
        var scratch = Directory.CreateTempSubdirectory("fleet-probe-").FullName;
        try
        {
            var prepared = PreparedModel.From(path, scratch);
            string[] made = [.. QuantizationSchemes.All.Where(scheme => Made(scheme, prepared)).Select(scheme => scheme.Name).Order()];
            return $"taken by {made.Length}: {string.Join(", ", made)}";
        }
        catch (InvalidDataException e)
        {
            return $"refused: {e.Message}";
        }
        catch (Exception e)
        {
            return $"threw: {e.ToString().ReplaceLineEndings(" | ")}";
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static bool Made(IQuantizationScheme scheme, PreparedModel prepared)
    {
        var histograms = scheme.CalibratedValues(prepared.Graph).ToDictionary(value => value, _ =>
        {
            var histogram = new Histogram();
            histogram.Add([-1, 0, 2]);
            return histogram;
        });
        try
        {
            var source = new QuantizationSource(prepared, histograms, Calibrators.Named("minmax"));
            // Every second operator kept, as accuracy control may have it: what lies between the others is then another graph.
            foreach (var kept in new[] { [], scheme.OperatorsOf(prepared.Graph).Where((_, place) => place % 2 == 0).ToHashSet() })
            {
                var model = scheme.Apply(source, kept).ToByteArray();
                using InferenceSession session = OnnxRuntimeSession.Open(model, scheme.Name, scheme.Runtime(OnnxRuntimeSession.Plain));
            }
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}
