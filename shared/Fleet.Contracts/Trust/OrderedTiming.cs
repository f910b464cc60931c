using System.Text.Json;
using Fleet.Contracts.Devices;
using Fleet.Contracts.Releases;

namespace Fleet.Contracts.Trust;

/// <summary>A model file that a device times for a build, without serving it. Agents that do not know it leave it alone.</summary>
/// <param name="Build">The build that asks.</param>
/// <param name="Timed">What is timed.</param>
/// <param name="ExpiresAt">
/// After this moment nobody waits for an answer any more. A device waits from receipt for as long as it lies after the order was issued:
/// its own time may be another.
/// </param>
public sealed record OrderedTiming(string Build, TimedFile Timed, DateTimeOffset ExpiresAt);

/// <summary>A model file, and what it is run on.</summary>
/// <param name="Model">The ONNX file, at most <see cref="Limits.TimedFileBytes"/>.</param>
/// <param name="Samples">The npz of inputs by name, of a validation set without labels; of the same size at most.</param>
/// <param name="Runtime">What the session is created with.</param>
public sealed record TimedFile(ArtifactReference Model, ArtifactReference Samples, RuntimeSettings Runtime)
{
    /// <summary>Bytes of one in an order.</summary>
    private const int MaximumBytes = 512;

    /// <summary>What is wrong with it, in a sentence; null when it can be timed.</summary>
    public string? Problem()
    {
        foreach (var artifact in (ArtifactReference[])[Model, Samples])
        {
            if (artifact.Sha256.Length != 64 || !artifact.Sha256.All(char.IsAsciiHexDigitLower))
                return $"A file to be timed has digest '{artifact.Sha256}', which is not 64 lower-case hexadecimal digits.";
            if (artifact.Bytes is < 1 or > Limits.TimedFileBytes)
                return $"A file to be timed has {artifact.Bytes:N0} bytes; 1 to {Limits.TimedFileBytes:N0} are allowed.";
        }
        if (ProfileRules.ProblemsOf(Runtime) is [var problem, ..]) return $"A file to be timed cannot be run: {problem}";
        // A dozen of other things travel in the same order, which has its limit too.
        return JsonSerializer.SerializeToUtf8Bytes(this, WireJson.Default.TimedFile).Length is var bytes and > MaximumBytes
            ? $"What a file to be timed is called and run with takes {bytes} bytes; at most {MaximumBytes} are allowed."
            : null;
    }
}
