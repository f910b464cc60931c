using Fleet.Contracts.Devices;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;

namespace Fleet.Contracts.Releases;

/// <summary>
/// The signed description of a release: what it holds, for which profiles, by which digests, and what a device must prove
/// before it serves it. It is the predicate of an in-toto statement (<see cref="ReleaseStatement"/>).
/// </summary>
public sealed record ReleaseManifest
{
    /// <summary>Model name, <see cref="Names.Rule"/>.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// Release number of the model, from 1. A device never goes below the largest it has trusted, except by a signed rollback.
    /// </summary>
    public required int Version { get; init; }

    /// <summary>When it was signed.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>After this moment no device newly trusts it.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The build it came from.</summary>
    public string Build { get; set; } = "";

    /// <summary>
    /// Whose word the expected figures, the verdicts and the validation set are; absent in releases from before that was noted.
    /// </summary>
    public MeasuredBy? Measured { get; init; }

    /// <summary>Input tensors of every variant.</summary>
    public required IReadOnlyList<TensorDescription> Inputs { get; init; }

    /// <summary>Output tensors of every variant.</summary>
    public required IReadOnlyList<TensorDescription> Outputs { get; init; }

    /// <summary>What the model does; absent in releases of protocol 1, see <see cref="TaskOf"/>.</summary>
    public ModelTask? Task { get; init; }

    /// <summary>How boxes are made of the outputs, for detection.</summary>
    public DetectionForm? Detection { get; init; }

    /// <summary>Class names in the order of the output's columns, or of a detector's classes; empty where there are no classes.</summary>
    public IReadOnlyList<string> Classes { get; set; } = [];

    /// <summary>
    /// The samples a device judges a variant by: an npz of the inputs by name, the labels of the task where there are any, and the
    /// float model's outputs behind <see cref="TaskDefinition.ReferencePrefix"/> where a variant is compared with them.
    /// </summary>
    public required ArtifactReference ValidationSet { get; init; }

    /// <summary>The variants. A device chooses among those of its profile.</summary>
    public required IReadOnlyList<Variant> Variants { get; init; }

    /// <summary>
    /// Profiles of its variants that are not built in; absent for none. An agent that does not know the key serves only the others.
    /// </summary>
    public IReadOnlyList<HardwareProfile>? Profiles { get; init; }

    /// <summary>The profile whose variants a device with <paramref name="facts"/> takes; null when there is none for it.</summary>
    public string? ProfileFor(DeviceFacts facts)
        => HardwareProfile.Served(
            facts, BuiltInProfiles.All.Concat(Profiles ?? []), Variants.Select(variant => variant.Profile).ToHashSet());

    /// <summary>
    /// What the model does. A release that does not say is of protocol 1: with class names it classifies, without nothing is known.
    /// </summary>
    public ModelTask TaskOf() => Task ?? (Classes.Count > 0 ? ModelTask.Classification : ModelTask.Outputs);

    /// <summary>
    /// The protocol a device must speak to judge and serve this release: that of its task, and of every limit of its gates.
    /// </summary>
    public int MinimumProtocol() => Math.Max(
        TaskDefinition.Of(TaskOf()).MinimumProtocol,
        Variants.SelectMany(variant => variant.Gate.Thresholds).All(ValidationGateConverter.IsOfProtocol1) ? 1 : 2);

    /// <summary>Every artifact of the release, the validation set first.</summary>
    public IEnumerable<ArtifactReference> Artifacts() => Variants.Select(variant => variant.Artifact).Prepend(ValidationSet);
}

/// <summary>Who measured what a release promises. The server vouches for the key; the rest is what the worker says of itself.</summary>
/// <param name="Worker">The worker, as it calls itself.</param>
/// <param name="Machine">The machine, as the worker describes it.</param>
/// <param name="Report">The build report with every figure, by its SHA-256 in lower-case hexadecimal.</param>
/// <param name="Key">The API key that the worker had; null where it was not noted.</param>
public sealed record MeasuredBy(string Worker, string Machine, string Report, string? Key = null)
{
    /// <summary>
    /// The same for people. The validation set came from the worker as well: what a device measures again, it measures with samples that
    /// the worker chose.
    /// </summary>
    public string InWords() => $"by worker {Worker} with key {Key ?? "unknown"}, on {Machine}; devices measure again, with samples that "
        + "this worker chose";
}

/// <summary>One precision and target form of the model.</summary>
public sealed record Variant
{
    /// <summary>Name within the release, such as <c>x64-int8</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Profile it was made for.</summary>
    public required string Profile { get; init; }

    /// <summary>Quantization scheme that made it, such as <c>int8-static-u8s8</c>.</summary>
    public required string Scheme { get; init; }

    /// <summary>The ONNX file.</summary>
    public required ArtifactReference Artifact { get; init; }

    /// <summary>What the inference host sets when it loads the variant.</summary>
    public RuntimeSettings Runtime { get; set; } = new();

    /// <summary>What the server measured.</summary>
    public required Scores Expected { get; init; }

    /// <summary>What the device must measure.</summary>
    public required ValidationGate Gate { get; init; }
}

/// <summary>A stored file by digest.</summary>
/// <param name="Name">File name for people.</param>
/// <param name="Sha256">Lower-case hexadecimal SHA-256 of the bytes.</param>
/// <param name="Bytes">Length in bytes.</param>
public sealed record ArtifactReference(string Name, string Sha256, long Bytes);
