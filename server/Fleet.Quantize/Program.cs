using System.Globalization;
using Fleet.Platform;
using Fleet.Quantization;
using Fleet.Quantize;

OwnerOnly.ByDefault();

// A process that only measures itself: it must load nothing that is not the model's.
if (QuantizationProcess.MeasuredMemory(args) is { } measured) return measured;

const long ProbeMemory = 2L << 30;
const string Usage = """
    fleet-quantize lets models run in a process of their own. 'fleet models quantize', 'prove' and 'inspect' start it:
    what crashes, or takes too much memory, ends this process and not theirs.

      fleet-quantize quantize REQUEST FOLDER BYTES   makes the variants of a request and a report of them
      fleet-quantize prove REQUEST REPORT            runs a variant as other processors would
      fleet-quantize inspect REQUEST REPORT [PAGE]   compares a variant with its float model layer by layer

    REQUEST is a file with a QuantizationRequest, a ProofRequest or an InspectionRequest as JSON, BYTES the memory that the work may take.
    Standard output holds one progress message as JSON a line; what went wrong is a sentence on standard error.
    """;

QuantizationProcess.Prepare();
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
        case ["inspect", var request, var report, .. { Length: <= 1 } page]:
            await Task.Run(() => Work.Inspect(request, report, page is [var path] ? path : null, stop.Token));
            return 0;
        case ["probe", var folder]:
            // For tests: the models are small, and what they make of little memory is the question.
            ProcessLimits.AllowMemory(ProbeMemory);
            await Task.Run(() => SchemeProbe.Run(folder, Console.WriteLine, stop.Token));
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
