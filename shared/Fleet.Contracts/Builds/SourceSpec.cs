using System.Text.Json.Serialization;
using Fleet.Contracts.Tasks;

namespace Fleet.Contracts.Builds;

/// <summary>
/// A model of one's own that is only to be quantized: no teacher, no student. Paths are on the worker's machine; the CLI makes them
/// absolute against the spec file.
/// </summary>
public sealed record SourceSpec
{
    /// <summary>The ONNX model, a float one.</summary>
    public required string Onnx { get; init; }

    /// <summary>
    /// True to take a model that is quantized already: it is made float first. Otherwise it is refused, because the float model that it was
    /// made of gives better variants.
    /// </summary>
    public bool Requantize { get; init; }

    /// <summary>
    /// What the model does; absent: classification when its first output is one row of scores for each sample, else outputs.
    /// </summary>
    public ModelTask? Task { get; init; }

    /// <summary>The unit of the labels for people, such as <c>cycles</c>; absent for none.</summary>
    public string? LabelUnit { get; init; }

    /// <summary>Which outputs hold boxes, scores and classes, for detection; absent: as the defaults say.</summary>
    public DetectionForm? Detection { get; init; }

    /// <summary>
    /// Samples that fix the ranges of activations: an npz (arrays by input name), an npy (the only input), a picture or sound (PNG, JPEG,
    /// PGM, PPM, WAV), a folder of such files, or <c>synthetic</c>; absent leaves only schemes that need no samples.
    /// </summary>
    public string? Calibration { get; init; }

    /// <summary>
    /// Samples that judge, in the same forms; where they are those that calibrate, half of them judge and the rest calibrate. An
    /// npz may hold labels as the task has them: <c>labels</c>, and <c>labels.boxes</c> for
    /// detection.
    /// </summary>
    public required string Validation { get; init; }

    /// <summary>Labels of the validation samples as an npy of class numbers; absent: those in the npz, or none.</summary>
    public string? ValidationLabels { get; init; }

    /// <summary>
    /// Class names in the order of the output's columns; absent: the column numbers. Where each class has a folder, its name is
    /// one of these.
    /// </summary>
    public IReadOnlyList<string>? Classes { get; init; }

    /// <summary>
    /// State that the model carries from sample to sample.
    /// Absent: what the usual names say (<c>state</c> and <c>stateN</c>, <c>h0</c> and <c>hn</c>, <c>past</c> and <c>present</c>).
    /// </summary>
    public IReadOnlyList<StatePair>? State { get; init; }

    /// <summary>
    /// Shapes of made-up samples. Absent: free axes get the smallest of some usual extents that the
    /// model runs with.
    /// </summary>
    public IReadOnlyList<InputShape>? Shapes { get; init; }

    /// <summary>How pictures and sound in files become inputs; absent: as the input has it (<see cref="Builds.Preprocessing"/>).</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>True when samples are to be made up.</summary>
    [JsonIgnore] public bool HasMadeUpSamples => Calibration == SampleSource.Synthetic || Validation == SampleSource.Synthetic;
}
