using Fleet.Platform;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Quantize;

/// <summary>
/// <c>fleet-quantize probe</c>, for tests: prepares every model of a folder, applies every scheme to it and loads the results. It
/// names each file before it touches it, so that whoever started it knows which one a crash of native code belongs to.
/// </summary>
internal static class Probe
{
    /// <summary>Memory that a probe may take; the models are small, and what they make of it is the question.</summary>
    private const long Memory = 2L << 30;

    public static void Run(string folder, CancellationToken cancellationToken)
    {
        ProcessLimits.AllowMemory(Memory);
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles("*.onnx").OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Console.WriteLine($"{file.Name}\ttaken up");
            Console.WriteLine($"{file.Name}\t{Verdict(file.FullName)}");
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
