using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;

namespace Fleet.Agent.Inference;

/// <summary>One variant as the inference host serves it: what to load, how, and what applications may expect of it.</summary>
/// <param name="Model">Model name: the <c>{m}</c> of <c>/v2/models/{m}</c>.</param>
/// <param name="Version">Release that it belongs to.</param>
/// <param name="Variant">Variant of that release.</param>
/// <param name="Path">The ONNX file.</param>
/// <param name="Runtime">What the session is created with.</param>
/// <param name="Inputs">Inputs the release promises; the file must agree by name and datatype. Empty promises nothing.</param>
/// <param name="Outputs">Outputs the release promises; the first holds the class scores of a classifier.</param>
/// <param name="Classes">Class names in the order of the first output's columns, or of the kinds of boxes; empty where there are
/// none.</param>
/// <param name="Task">What it does; null in releases of protocol 1.</param>
/// <param name="Detection">How boxes are made of its outputs, for detection.</param>
internal sealed record ServedModel(
    string Model,
    int Version,
    string Variant,
    string Path,
    RuntimeSettings Runtime,
    IReadOnlyList<TensorDescription> Inputs,
    IReadOnlyList<TensorDescription> Outputs,
    IReadOnlyList<string> Classes,
    ModelTask? Task = null,
    DetectionForm? Detection = null)
{
    /// <summary>What it does; with class names and without a word of it, it classifies.</summary>
    public ModelTask TaskOf() => Task ?? (Classes.Count > 0 ? ModelTask.Classification : ModelTask.Outputs);

    /// <summary>What is counted of its outputs.</summary>
    public OutputTally Tally() => TaskDefinition.Of(TaskOf()).Tally;

    /// <summary>The model as log lines and failures name it: <c>speech 7 x64-int8</c>.</summary>
    public string Name() => $"{Model} {Version} {Variant}";
}
