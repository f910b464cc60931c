using Fleet.Contracts.Devices;
using Fleet.Contracts.State;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.DeviceValidation;

/// <summary>
/// What <c>fleet-agent validate</c> is asked, one JSON line on its standard input. The agent asks it of a child process before a
/// variant serves; a server asks it of the same program under an emulator, so that what is proved is what devices run.
/// </summary>
/// <param name="ModelPath">The ONNX file.</param>
/// <param name="ValidationSetPath">
/// The npz of inputs by name, labels in the form of the task, and the float model's outputs. With <paramref name="OutputsPath"/> it may be
/// a folder of such files, run in the order of their names: arrays hold samples of one shape, and a model may take others.
/// </param>
/// <param name="Runtime">What the session is created with, as it will be when it serves.</param>
/// <param name="Outputs">Outputs the release promises; the first is the one that matters most, such as the class scores.</param>
/// <param name="MaximumMemoryBytes">Past this the process may not allocate; null for no limit.</param>
/// <param name="OutputsPath">
/// Where the float outputs of every sample are written as npz, one array by output name. Each sample is then run once and
/// nothing is timed: under an emulator a latency would mean nothing and cost minutes.
/// </param>
/// <param name="Task">What the model does; null: it classifies when the set has labels.</param>
/// <param name="Detection">How boxes are made of the outputs, for detection.</param>
/// <param name="LabelUnit">Unit of the labels, for errors.</param>
public sealed record ValidationRequest(
    string ModelPath,
    string ValidationSetPath,
    RuntimeSettings Runtime,
    IReadOnlyList<TensorDescription> Outputs,
    long? MaximumMemoryBytes = null,
    string? OutputsPath = null,
    ModelTask? Task = null,
    DetectionForm? Detection = null,
    string? LabelUnit = null);

/// <summary>The answer of <c>fleet-agent validate</c>, one JSON line on its standard output.</summary>
/// <param name="Scores">What was measured; null when it failed.</param>
/// <param name="Failure">Why it failed.</param>
/// <param name="Detail">The failure in a sentence.</param>
/// <param name="ProcessorTime">Processor time of one inference, all threads together; zero where nothing was timed.</param>
public sealed record ValidationReply(
    Scores? Scores = null, DeploymentFailure Failure = DeploymentFailure.None, string Detail = "", TimeSpan ProcessorTime = default)
{
    /// <summary>Bytes of the line, in either direction.</summary>
    public const int MaximumBytes = 64 * 1024;
}
