using System.CommandLine;
using Fleet.Modeling;
using Fleet.Modeling.Commands;
using Fleet.Modeling.Worker;
using Fleet.Platform;
using Fleet.Quantization.Evaluation;

OwnerOnly.ByDefault();

// A process that only measures itself: it must load nothing that is not the model's.
if (args is [PeakMemory.Verb, .. var measured]) return PeakMemory.Run(measured);

var root = new RootCommand("""
    Fleet's build worker: trains a teacher, distills a student from it, quantizes
    the student for each hardware profile and reports what came out.

    A server starts its own worker; one on another machine is started by hand:
      fleet-modeling worker --server https://fleet.example:8443 --ca ca.pem \
        --key-file worker.key --data /var/lib/fleet-worker

    Try a build spec without a server:
      fleet-modeling build spec.json --out /tmp/build

    See what inside a teacher a student can learn from:
      fleet-modeling features teacher.onnx
    """)
{
    WorkerCommand.Create(),
    LocalBuildCommand.Create(),
    FeaturesCommand.Create(),
    DataCommand.Create(),
};

using var stop = StopSignals.Listen();
try
{
    return await root.Parse(args)
        .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, stop.Token);
}
catch (Exception e) when (e is BuildException or InvalidDataException or IOException or UnauthorizedAccessException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
catch (OperationCanceledException) when (stop.WereSent)
{
    Console.Error.WriteLine("Stopped.");
    return StopSignals.ExitCode;
}
