using Fleet.Agent.Validation;
using Fleet.Contracts.Releases;
using Fleet.Contracts.Tasks;
using Fleet.Contracts.Tensors;
using Fleet.Contracts.Validation;
using Fleet.TestKit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Fleet.Agent.Tests.Validation;

/// <summary>The agent's own runner, a folder for models and sets, and the release of one variant around what a test hands in.</summary>
internal sealed class ValidationBench : IDisposable
{
    private readonly ValidationRunner _runner = new(new ValidationOptions(), TimeProvider.System, NullLogger<ValidationRunner>.Instance);

    public TemporaryFolder Folder { get; } = new();

    public void Dispose() => Folder.Dispose();

    /// <summary>Writes a validation set and returns its path.</summary>
    public string Save(IEnumerable<KeyValuePair<string, NpyArray>> arrays)
    {
        var path = Folder[$"{Guid.NewGuid():N}.npz"];
        using var file = File.Create(path);
        NpzArchive.Write(file, arrays);
        return path;
    }

    /// <summary>Validates the model at a path as variant <c>v</c> of release <c>m 1</c>.</summary>
    public Task<ValidationOutcome> ValidateAsync(
        string model, string set, ValidationGate gate, CancellationToken cancellationToken, ModelTask? task = null,
        DetectionForm? detection = null, Scores? expected = null)
    {
        var reference = new ArtifactReference("file", new string('0', 64), 1);
        var variant = new Variant
        {
            Id = "v",
            Profile = "x64",
            Scheme = "fp32",
            Artifact = reference,
            Expected = expected ?? new Scores(),
            Gate = gate,
        };
        var manifest = new ReleaseManifest
        {
            Model = "m",
            Version = 1,
            CreatedAt = DateTimeOffset.UnixEpoch,
            ExpiresAt = DateTimeOffset.MaxValue,
            Inputs = [],
            Outputs = [],
            Task = task,
            Detection = detection,
            ValidationSet = reference,
            Variants = [variant],
        };
        return _runner.RunAsync(model, set, variant, manifest, cancellationToken);
    }
}
