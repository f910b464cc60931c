using System.CommandLine;
using Fleet.Quantization;
using Fleet.Quantization.Calibration;
using Fleet.Quantization.Onnx;
using Fleet.Quantization.Schemes;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Fleet.Modeling.Commands;

/// <summary>
/// <c>fleet-modeling probe</c>, not shown: prepares every model of a folder, applies every scheme to it and loads the results. It
/// names each file before it touches it, so that whoever started it knows which one a crash of native code belongs to.
/// </summary>
internal static class ProbeCommand
{
    /// <summary>Memory that a probe may take; the models are small, and what they make of it is the question.</summary>
    private const long Memory = 2L << 30;

    public static Command Create()
    {
        var folder = new Argument<DirectoryInfo>("FOLDER") { Description = "Folder of ONNX models" };
        var command = new Command("probe", "Tries every scheme on every model of a folder.") { folder };
        command.Hidden = true;
        command.SetAction((parsed, cancellationToken) => Task.Run(() =>
        {
            GuardedRun.Limit(Memory);
            NativeVariables.Set();
            foreach (var file in parsed.GetRequiredValue(folder).EnumerateFiles("*.onnx").OrderBy(file => file.Name, StringComparer.Ordinal))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Console.WriteLine($"{file.Name}\ttaken up");
                Console.WriteLine($"{file.Name}\t{Verdict(file.FullName)}");
            }
            return 0;
        }, cancellationToken));
        return command;
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
                using InferenceSession session = OnnxRuntimeSession.Open(scheme.Apply(source, kept).ToByteArray(), scheme.Name, scheme.Runtime(OnnxRuntimeSession.Plain));
            }
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}
