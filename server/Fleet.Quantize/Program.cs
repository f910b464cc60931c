using System.Globalization;
using Fleet.Platform;
using Fleet.Quantization.Evaluation;
using Fleet.Quantization.Onnx;
using Fleet.Quantize;

// A process that only measures itself: it must load nothing that is not the model's.
if (args is [PeakMemory.Verb, .. var measured]) return PeakMemory.Run(measured);

const string Usage = """
    fleet-quantize lets models run in a process of their own. 'fleet models quantize' and 'fleet models prove' start it:
    what crashes, or takes too much memory, ends this process and not theirs.

      fleet-quantize quantize REQUEST FOLDER BYTES   makes the variants of a request and a report of them
      fleet-quantize prove REQUEST REPORT            runs a variant as other processors would

    REQUEST is a file with a QuantizationRequest or a ProofRequest as JSON, BYTES the memory that the work may take.
    Standard output holds one progress message as JSON a line; what went wrong is a sentence on standard error.
    """;

NativeVariables.Set();
ProcessLimits.ForbidCoreFile();
using var stop = StopSignals.Listen();
StarterWatch.Begin();
try
{
    switch (args)
    {
        case ["quantize", var request, var folder, var bytes]:
            // Before anything large is loaded.
            ProcessLimits.AllowMemory(long.Parse(bytes, CultureInfo.InvariantCulture));
            await Task.Run(() => Work.Quantize(request, folder, stop.Token));
            return 0;
        case ["prove", var request, var report]:
            return await Task.Run(() => Work.ProveAsync(request, report, stop.Token)) ? 0 : 1;
        case ["probe", var folder]:
            await Task.Run(() => Probe.Run(folder, stop.Token));
            return 0;
        case ["--help" or "-h" or "-?"]:
            Console.WriteLine(Usage);
            return 0;
        default:
            Console.Error.WriteLine(Usage);
            return 2;
    }
}
catch (Exception e) when (e is InvalidDataException or ArgumentException or FormatException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
{
    Console.Error.WriteLine("Stopped.");
    return StopSignals.ExitCode;
}
